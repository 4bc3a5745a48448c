"""What a recording means: values, ids, heartbeats and answers that are recognised in it."""
