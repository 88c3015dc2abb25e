"""A practice's bot that gives appointments, with a language model of any OpenAI-compatible server.

export OPENAI_API_KEY=sk-...
bridge serve --bot examples.appointment_bot:Practice
"""

import logging
import os
from typing import Annotated, Literal

from pydantic import Field

from bot.actions import Collect, Transfer
from bot.openai import OpenAiBot

log = logging.getLogger("practice")

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
FREE = {"Thursday": {"9:00"}, "Friday": {"10:00", "14:30"}}
RECEPTION = os.environ.get("PRACTICE_RECEPTION", "+4930123456")


def free_times(day: Day) -> list[str]:
    """Find out at what times of a day an appointment is free."""
    return sorted(FREE.get(day, ()))


async def book(day: Day, time: str, customer: Annotated[str, Field(pattern=r"^\d{4}$")]) -> str:
    """Book an appointment, once the caller has chosen a time and typed the customer number.

    Args:
        time: One that is free, e.g. 14:30.
        customer: The number, as it was typed.
    """
    if time not in FREE.get(day, ()):
        raise ValueError(f"{day} at {time} is not free")
    FREE[day].remove(time)
    log.info("booked: %s at %s for customer %s", day, time, customer)
    return f"Booked: {day} at {time}."


def ask_customer_number() -> tuple[str, Collect]:
    """Let the caller type the customer number on the keypad."""
    return "Ask for the four digits; they are the caller's next words.", Collect(digits=4)


def put_through() -> tuple[str, Transfer]:
    """Put the caller through to the reception, where the caller asks for a human."""
    return "Say that you are putting the caller through.", Transfer(RECEPTION)


class Practice(OpenAiBot):
    model = "gpt-5-mini"
    greeting = "Doctor Miller's practice, hello! When would you like to come?"
    prompt = (
        "You give appointments at Doctor Miller's practice. Offer free times, ask for the customer number, then book."
    )
    tools = (free_times, ask_customer_number, book, put_through)
