"""Compile each verb of the language to a coroutine function before the run. The table is in ``registry``."""
