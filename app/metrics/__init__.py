"""What can be measured, named once."""
