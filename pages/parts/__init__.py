"""The parts that the Compare page is put together from."""
