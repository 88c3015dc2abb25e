"""Whose cards begin with which digits, and how long their numbers are. Pure.

After the table of issuer identification numbers in Wikipedia's "Payment card number": the register of ISO/IEC 7812-2 is
not public.
"""

from typing import Final

_ISSUERS: Final = (
    ("1", "1", {15}),  # UATP
    ("2014", "2014", {15}),  # Diners Club enRoute
    ("2149", "2149", {15}),
    ("2200", "2204", {16, 17, 18, 19}),  # Mir
    ("2221", "2720", {16}),  # Mastercard
    ("30", "30", {14, 15, 16, 17, 18, 19}),  # Diners Club
    ("34", "34", {15}),  # American Express
    ("3528", "3589", {16, 17, 18, 19}),  # JCB
    ("36", "36", {14, 15, 16, 17, 18, 19}),
    ("37", "37", {15}),
    ("38", "39", {14, 15, 16, 17, 18, 19}),
    ("4", "4", {13, 16, 18, 19}),  # Visa
    ("50", "50", {13, 14, 15, 16, 17, 18, 19}),  # Maestro, RuPay, Verve
    ("51", "55", {16}),  # Mastercard
    ("56", "69", {13, 14, 15, 16, 17, 18, 19}),  # Maestro, Discover, UnionPay, RuPay
    ("81", "82", {16, 17, 18, 19}),  # RuPay, UnionPay
    ("9792", "9792", {16}),  # Troy
)
"""First digits, from and to; lengths."""


def is_issued(digits: str) -> bool:
    """Return whether cards with such a number are in use."""
    return any(low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)
