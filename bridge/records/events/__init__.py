"""What happens on calls, told to others: as it happens to who follows, and by a webhook from the database."""
