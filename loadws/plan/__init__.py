"""Scenario and seed -> plan: who starts when. Pure mathematics: no clock, no sockets, no trio."""
