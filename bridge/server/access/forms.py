"""The form in the body of a request: whatever a stranger sends is a form or refused."""

from aiohttp import web
from multidict import MultiDict, MultiDictProxy


async def read_form(request: web.Request) -> MultiDictProxy[str]:
    """Return the fields of the form; none where there is another kind of body, or none. A file counts as its name.

    Raises:
        web.HTTPBadRequest: it is no form: another charset than it says, or parts without a boundary.
        web.HTTPRequestEntityTooLarge: it is larger than the server takes.
    """
    try:
        form = await request.post()
    except (ValueError, LookupError, AssertionError, web.RequestPayloadError) as error:  # what aiohttp's readers raise
        raise web.HTTPBadRequest(text=f"the form cannot be read: {str(error)[:200]}\n") from None
    fields = MultiDict[str]()
    for name, value in form.items():
        fields.add(name, value.filename if isinstance(value, web.FileField) else str(value))
    return MultiDictProxy(fields)
