"""Scenarios of other origin, carried over: browser recordings (HAR) and Artillery's scripts become scenarios of loadws.

Every importer is a pure function from the bytes of a file to an ``Imported``: the text of a scenario, and notes on what was
left out or changed. ``cli`` reads and writes the files and prints the notes.
"""
