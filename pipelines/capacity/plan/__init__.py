"""The planner's answer: from cards and wishes to what fits, how long it takes, in which order, and at what price."""
