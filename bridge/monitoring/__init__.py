"""What operators see and hear of calls while they last: levels, and the sound itself."""
