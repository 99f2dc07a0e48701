"""The OpenAPI documents of the lab's API server: what kubectl validates, applies and explains by."""
