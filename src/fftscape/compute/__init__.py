"""Where the arithmetic runs: array types, executors and the linear algebra the stages share."""
