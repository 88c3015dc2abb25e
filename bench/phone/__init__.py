"""The benchmark of phone bots: a caller on Twilio's media dialect who measures any server from outside."""
