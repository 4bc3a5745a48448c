"""The language of flows: payloads, and each kind of step.

A step is a mapping with one verb key, so each verb has a model of its own and ``step_verb`` chooses among them.
"""

from loadws.scenario.model.steps.by_protocol import (
    AnswerCallStep,
    Answered,
    CallMethodStep,
    CarryingStep,
    EmitStep,
    NotifyStep,
    ProtocolBody,
    ProtocolStep,
    PublishTopicStep,
    SendToStep,
    SubscribeStep,
    UnsubscribeStep,
)
from loadws.scenario.model.steps.call import CallStep
from loadws.scenario.model.steps.connect import (
    CloseStep,
    ConnectBody,
    ConnectStep,
    ExpectHandshake,
    PingStep,
    ReconnectStep,
)
from loadws.scenario.model.steps.faults import DropStep, ReadSlowlyStep, StallStep
from loadws.scenario.model.steps.flow import (
    BARE_VERBS,
    STEPS,
    AnyStep,
    EveryStep,
    Flow,
    IfStep,
    ParallelStep,
    PickStep,
    RepeatStep,
    UserFlow,
    WhileStep,
    walk,
)
from loadws.scenario.model.steps.http import HttpBody, HttpStep
from loadws.scenario.model.steps.messages import (
    ExpectNoneStep,
    RequestStep,
    SendStep,
    WaitForStep,
)
from loadws.scenario.model.steps.pauses import BarrierStep, Think, ThinkStep
from loadws.scenario.model.steps.payload import Binary, Payload
from loadws.scenario.model.steps.publish import PublishStep
from loadws.scenario.model.steps.record import CheckStep, CountStep, LogStep, RecordBody, RecordStep, SetStep
from loadws.scenario.model.steps.step import Body, OnConnection, Step

__all__ = [
    "BARE_VERBS", "STEPS", "AnswerCallStep", "Answered", "AnyStep", "BarrierStep", "Binary", "Body",
    "CallMethodStep", "CallStep", "CarryingStep", "CheckStep", "CloseStep", "ConnectBody", "ConnectStep",
    "CountStep", "DropStep", "EmitStep", "EveryStep", "ExpectHandshake", "ExpectNoneStep", "Flow", "HttpBody",
    "HttpStep", "IfStep", "LogStep", "NotifyStep", "OnConnection", "ParallelStep", "Payload", "PickStep",
    "PingStep", "ProtocolBody", "ProtocolStep", "PublishStep", "PublishTopicStep", "ReadSlowlyStep",
    "ReconnectStep", "RecordBody", "RecordStep", "RepeatStep", "RequestStep", "SendStep", "SendToStep",
    "SetStep", "StallStep", "Step", "SubscribeStep", "Think", "ThinkStep", "UnsubscribeStep", "UserFlow",
    "WaitForStep", "WhileStep", "walk",
]  # fmt: skip
