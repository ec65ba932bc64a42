"""Search for ensemble weights in stored out-of-fold forecasts: seconds, without training anything again."""
