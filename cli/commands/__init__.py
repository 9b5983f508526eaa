"""The commands, one file per topic. Each reads its input, calls the API, hands the answer to `cli.render` and names the next step."""
