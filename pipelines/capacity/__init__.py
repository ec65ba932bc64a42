"""`sluice plan`: what fits on a card, how long it takes, in which order, and what it costs."""
