"""The API over HTTP: requests taken apart, handlers for the verbs, answers put together."""
