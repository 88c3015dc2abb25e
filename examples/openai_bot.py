"""A shop's bot that thinks with a language model. Try it: bridge serve --bot examples.openai_bot:Shop"""

from bot.openai import OpenAiBot

ORDERS = {12: "is on its way and comes tomorrow", 34: "waits in the shop"}


def find_order(number: int) -> str:
    """Look up where an order is.

    Args:
        number: Printed on the receipt. Ask the caller for it.
    """
    return ORDERS.get(number, "is not known")


class Shop(OpenAiBot):
    model = "gpt-5-mini"
    greeting = "Corner Shop, hello! How can I help you?"
    prompt = "You answer the telephone of the Corner Shop, which is open from nine to six, Monday to Saturday."
    tools = (find_order,)
