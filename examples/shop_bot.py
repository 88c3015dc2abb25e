"""A shop's answering bot. Try it: bridge serve --bot examples.shop_bot:ShopBot"""

from collections.abc import AsyncIterator

from bot.api import Bot, CallInfo, Turn

ORDERS = {"12": "is on its way and comes tomorrow", "34": "waits for you in the shop"}


class ShopBot(Bot):
    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        yield "Corner Shop, hello! Ask for our opening hours, or for an order by its number."

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        words = [word.strip(".,?!") for word in turn.text.lower().split()]
        if {"open", "opening", "hours", "close"} & set(words):
            yield "We are open from nine to six, Monday to Saturday."
        elif numbers := [word for word in words if word.isdecimal()]:
            yield f"Order {numbers[0]} {ORDERS.get(numbers[0], 'is not known to me')}."
        else:
            yield "I can tell you when we are open, and where an order is. What is its number?"
