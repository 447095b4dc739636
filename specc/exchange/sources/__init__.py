"""Sources of results: each module reads one kind into `specc.exchange.foreign`, without the tool itself."""
