"""What is reported of a run: the table, JUnit XML, JSON, and a page, sound and transcript of each call."""
