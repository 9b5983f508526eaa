"""The commands, a topic a file. Each reads its input, asks the API, and hands the answer to `cli.render`."""
