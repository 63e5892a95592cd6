"""What the Data page is put together from."""
