"""Results of finished campaigns: as tables, in Parquet, and as the page docs/results.md."""
