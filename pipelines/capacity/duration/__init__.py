"""How long training and forecasting take: counted operations, timed on the machine at hand or set against a card."""
