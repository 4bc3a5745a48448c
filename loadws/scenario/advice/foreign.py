"""Words of other load testing tools, and how loadws says the same.

The tables are by level: where in a scenario a word was written. Words are compared without case, ``_`` and ``-``, so that
``arrivalRate``, ``arrival_rate`` and ``ARRIVAL-RATE`` are one. Sources: the references of k6, Artillery, Gatling, Locust,
JMeter and tsung.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

Level = Literal["scenario", "phase", "user", "on", "verb", "body", "connection"]


def _table(*rows: tuple[str, str]) -> dict[str, str]:
    """Return the rows by word; the first part of a row is one or several words, apart by spaces."""
    return {word: ours for words, ours in rows for word in words.split()}


_DURATION = ("duration runtime time testduration holdfor during", "`for` in a phase: load: [{users: 10, for: 30s}]")
_USERS = (
    "vus concurrency threads numthreads virtualusers clients connections usercount atonceusers",
    "`users` in a phase: load: [{users: 10, for: 30s}]",
)
_RATE = ("rate rps arrivalrate constantuserspersec qps", "`arrivals` in a phase: load: [{arrivals: 10/s, for: 30s}]")
_THINK = ("sleep pause wait delay thinktime waittime idle", "`think: 1s`, a step of the flow")
TABLES: Mapping[Level, Mapping[str, str]] = {
    "scenario": _table(
        _DURATION,
        _USERS,
        _RATE,
        _THINK,
        ("stages phases options executor arrivalphase loadprofile", "`load`: load: [{users: 10, for: 30s}]"),
        (
            "rampup rampto ramptime spawnrate hatchrate",
            "a ramp in a phase: load: [{users: {from: 0, to: 10}, for: 30s}]",
        ),
        ("iterations loops loopcount", "`iterations` in a phase: load: [{users: 10, iterations: 100}]"),
        (
            "url host hosts baseurl wsbaseurl server servers endpoint uri address",
            "`target`: target: ws://127.0.0.1:8765",
        ),
        ("steps tasks actions script exec engine messages sequence", "`flow`: a list of steps"),
        ("env vars environment environments", "`variables`, and ${NAME} for the environment's own"),
        ("payload feeder feeders feed csv dataset", "`data`: data: {accounts: {file: accounts.csv}}"),
        ("assertions expect ensure slo slos criteria", "`thresholds`: thresholds: [response_time.p95 < 200ms]"),
        ("timeout timeouts", "`within` at each step, and `open_timeout` under connection"),
        ("before beforeall onstart beforetest", "`setup`, steps that are run once before the load"),
        ("after afterall onstop aftertest", "`teardown`, steps that are run once after the load"),
        ("handlers listeners events onmessage", "`on`: on: {message: [{where: ..., do: [...]}]}"),
        ("description comment tags", "a comment: # ..."),
        ("processor plugins", "`call`, a step that runs a Python function"),
        ("insecureskiptlsverify insecure", "`verify`: connection: {tls: {verify: false}}"),
    ),
    "phase": _table(
        ("duration runtime time holdfor during hold", "`for`: for: 30s"),
        (_USERS[0] + " count", "`users`: users: 10"),
        ("target", "`users`: users: {to: 10}"),
        ("startvus rampup ramptime rampuptime rampusers spawnrate hatchrate", "a ramp: users: {from: 0, to: 10}"),
        ("rampto rampuserspersec startrate", "a ramp: arrivals: {from: 10/s, to: 80/s}"),
        (_RATE[0], "`arrivals`: arrivals: 10/s"),
        ("arrivalcount interarrival timeunit", "a rate: arrivals: 30/m"),
        ("maxvusers maxvus preallocatedvus maxnumber maxconcurrency", "`max_users`: max_users: 1000"),
        ("stages phases", "phases in a list: load: [{users: 10, for: 30s}, {users: 50, for: 1m}]"),
        ("starttime startafter startdelay delay pause", "a phase before it: {users: 0, for: 10s}"),
        ("executor model", "`users` (held) or `arrivals` (by the clock); there is no other model to name"),
        ("exec scenario flow flows tasks", "`flow` at the top, or several types of `users` with a flow each"),
        ("loops loopcount sharediterations", "`iterations`: iterations: 100"),
        ("gracefulstop gracefulrampdown", "`graceful_stop` at the top of the scenario"),
        ("distribution pattern", "`spacing`: spacing: poisson"),
    ),
    "user": _table(
        ("tasks steps scenario actions script sequence exec", "`flow`: a list of steps"),
        ("probability percentage share fixedcount", "`weight`: weight: 9"),
        ("handlers listeners events onmessage", "`on`: on: {message: [{where: ..., do: [...]}]}"),
        _THINK,
    ),
    "on": _table(
        ("messages onmessage receive received text data", "`message`: message: [{where: ..., do: [...]}]"),
        ("disconnect closed onclose end", "`close`: close: [...]"),
        ("connect connected onopen opened", "`open`: open: [...]"),
        ("errors onerror failure", "`error`: error: [...]"),
    ),
    "verb": _table(
        ("loop times foreach for asynciterations loopcontroller", "`repeat`: {repeat: 5, do: [...]}"),
        ("during whiletrue forever", "`while`: {while: '{{ n < 5 }}', do: [...]}, or `every` with `for`"),
        (_THINK[0] + " constanttimer randomsleep gaussian", "`think`: think: 1s"),
        (
            "recv receive expect await waitformessage listen onmessage read readmessage checktextmessage checktext",
            "`wait_for`: wait_for: {where: {$.type: ready}}",
        ),
        ("sendtext sendjson sendbytes sendmessage write message", "`send`: send: hello"),
        (
            "sendandwait sendandreceive ask rpc query exchange requestreply",
            "`request`: request: {send: hello, reply: {where: ...}}",
        ),
        ("get post put patch delete head url fetch", "`http`: http: {get: /path}"),
        ("function exec python script beforerequest afterresponse", "`call`: call: module:function"),
        ("open dial ws websocket wsconnect", "`connect`"),
        ("disconnect leave end quit stop exit", "`close`"),
        ("kill abort terminate cut", "`drop`"),
        ("print echo console debug info", "`log`: log: text"),
        ("assert asserttrue match verify validate", "`check`: check: '{{ n == 5 }}'"),
        ("setvar var let setvariable assign setdynvars define", "`set`: set: {n: 5}"),
        ("switch random randomswitch oneof choose uniformrandomswitch", "`pick`: pick: [{weight: 3, do: [...]}]"),
        ("rendezvous rendezvouspoint synchronizingtimer sync synchronize", "`barrier`: barrier: {users: 10}"),
        ("pace pacing interval schedule constantpacing throughput", "`every`: {every: 1s, do: [...]}"),
        ("metric trend gauge histogram timing", "`record`: record: {name: age, value: '{{ age }}', unit: ms}"),
        ("counter increment incr", "`count`: count: name"),
        ("group transaction block", "its steps alone, each with a `name`"),
        ("capture extract save regexextractor jsonextractor", "`capture` in a reply: reply: {capture: {id: $.id}}"),
    ),
    "body": _table(
        ("timeout deadline maxwait waittimeout receivetimeout", "`within`: within: 2s"),
        ("match filter matcher condition matches", "`where`: where: {$.type: ready}"),
        ("expect assert assertion assertions verify validate checks", "`check`: check: {$.ok: true}"),
        ("response answer ack acknowledge recv expectresponse", "`reply`: reply: {where: ..., check: ...}"),
        ("message payload data body content", "`send` of a request, or `text` or `json` of a message"),
        ("extract save saveas store captures export", "`capture`: capture: {id: $.id}"),
        ("contains includes", "a condition: {text: {regex: ...}}"),
        ("method url uri", "the method as a key: http: {get: /path}"),
        ("thinktime sleep pause", "`think: 1s`, a step of its own"),
        ("retries retry", "`reconnect`: connection: {reconnect: {attempts: 5}}"),
        ("times iterations loops", "`repeat`, a step around it: {repeat: 5, do: [...]}"),
        ("duration", "`for`: for: 30s"),
        ("interval", "`every`, a step around it: {every: 1s, do: [...]}"),
    ),
    "connection": _table(
        ("timeout connecttimeout connectiontimeout handshaketimeout", "`open_timeout`: open_timeout: 10s"),
        ("protocols subprotocol websocketprotocol", "`subprotocols`: subprotocols: [chat.v2]"),
        (
            "insecure insecureskiptlsverify rejectunauthorized verifyssl sslverify tlsinsecure skipverify",
            "`verify`: tls: {verify: false}",
        ),
        ("cert clientcert certfile pfx", "`certificate`: tls: {certificate: client.pem, key: client.key}"),
        ("cacert cafile truststore", "`ca`: tls: {ca: ca.pem}"),
        ("keyfile passphrase", "`key` and `key_password`: tls: {key: client.key, key_password: ...}"),
        ("ssl https", "`tls`: tls: {...}, and wss:// in target"),
        ("useragent", "a header: headers: {User-Agent: ...}"),
        ("auth authorization token bearer", "a header: headers: {Authorization: 'Bearer {{ token }}'}"),
        ("permessagedeflate deflate compress", "`compression`: compression: true"),
        ("pinginterval heartbeat keepalive pingtimeout", "`ping`: ping: {every: 20s, timeout: 10s}"),
        ("maxpayload maxsize maxframesize maxmessage", "`max_message_size`: max_message_size: 1MiB"),
        ("retry retries autoreconnect maxretries", "`reconnect`: reconnect: {attempts: 5}"),
        ("hosts dns", "`resolve`: resolve: {chat.test: [127.0.0.1]}"),
        ("localips sourceip sourceips bind localaddress ip", "`source_addresses`: source_addresses: [127.0.0.2]"),
        ("params querystring", "`query`: query: {room: lobby}"),
        ("url host uri server address", "`target`, at the top of the scenario"),
        ("followredirects maxredirects", "`redirects`: redirects: 0"),
        ("cookie cookiejar", "`cookies`: cookies: {name: value}"),
    ),
}


def _plain(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def foreign_word(level: Level, word: str) -> str:
    """Return how loadws says a word of another tool (``duration is written `for`: ...``); nothing for other words."""
    ours = TABLES[level].get(_plain(word), "")
    if not ours or ours.startswith(f"`{word}`"):
        return ""  # a word of ours that was written in the wrong place is not foreign
    return f"{word} is written {ours}"


def key_meant(level: Level, word: str) -> str | None:
    """Return the key of this level that a foreign word stands for; None where it stands for no single one."""
    ours = TABLES[level].get(_plain(word), "")
    return ours.split("`")[1].partition(":")[0] if ours.startswith("`") else None


def foreign_file(keys: Iterable[str]) -> str:
    """Return what a whole file of another tool is, by the keys at its top; nothing where it may be a scenario."""
    present = set(keys)
    if present & {"target", "load", "flow"} or not present & {"config", "scenarios"}:
        return ""
    return "this is a test script of Artillery (config, scenarios), and loadws has a language of its own"
