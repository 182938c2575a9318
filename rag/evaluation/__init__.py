"""The offline evaluation: data sets, metrics, runs and reports."""
