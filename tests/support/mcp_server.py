"""An MCP server with a few tools. It speaks over standard input and output; given a port, over HTTP."""

import os
import sys
import time

from mcp.server import MCPServer

server = MCPServer("shop", log_level="ERROR")


@server.tool()
def find_order(number: int) -> str:
    """Look up where an order is."""
    return f"order {number} comes tomorrow"


@server.tool(name="stock.level")
def stock_level(item: str) -> dict[str, int]:
    """How many of an item are there."""
    return {item: 12}


@server.tool()
def slow(seconds: float) -> str:
    """Take a while."""
    time.sleep(seconds)
    return "done"


@server.tool()
def broken() -> str:
    """Fail."""
    raise LookupError("the database is gone")


@server.tool()
def end() -> str:
    """End the server."""
    os._exit(1)


@server.tool()
def secret() -> str:
    """Tell what the environment says."""
    return os.environ.get("SHOP_KEY", "none")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
