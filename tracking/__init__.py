"""Tracking: what happened in a campaign, in MLflow. The process that runs a campaign is the only writer.

Runs and metrics (`tracking.recording`), registered winners (`tracking.registry`), exports of them (`tracking.export`)
and the report (`tracking.report`). Importing this package changes nothing in the process and does not import MLflow;
`tracking.client.open_client` makes the settings that MLflow needs.
"""
