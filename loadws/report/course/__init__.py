"""What happened when: the run second by second, and the few sentences that tell it."""
