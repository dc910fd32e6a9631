"""Check digits of Japanese public numbers. Pure.

References
----------
Authority code: JIS X 0402 and the Ministry of Internal Affairs' list of 全国地方公共団体コード (six digits).
Resident code: 住民基本台帳法施行規則 art. 1 (eleven digits, weights 2–7 from the right).
Individual number: 番号利用法 総務省令 (平成26年総務省令第85号) art. 5. Corporate number: 法人番号の指定等に関する省令 art. 2.
"""

from functools import cache

from kit.errors import Invalid

AUTHORITY_WEIGHTS = (6, 5, 4, 3, 2)


def authority_check_digit(first_five: str) -> int:
    """Check digit of an authority code."""
    total = sum(int(digit) * weight for digit, weight in zip(first_five, AUTHORITY_WEIGHTS, strict=True))
    return (11 - total % 11) % 10


def resident_code_check_digit(first_ten: str) -> int:
    """Check digit of a resident code (住民票コード)."""
    return _mod11(first_ten, (2, 3, 4, 5, 6, 7, 2, 3, 4, 5))


def my_number_check_digit(first_eleven: str) -> int:
    """Check digit of an individual number (個人番号)."""
    return _mod11(first_eleven, (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6))


def _mod11(digits: str, weights_from_right: tuple[int, ...]) -> int:
    rest = sum(int(d) * w for d, w in zip(reversed(digits), weights_from_right, strict=True)) % 11
    return 0 if rest <= 1 else 11 - rest


@cache
def _parts(length: int) -> tuple[dict[str, int], ...]:
    """What four digits at a time add to the sum over a number without its check digit, each part from the left."""
    weights = (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6)[: length - 1][::-1]
    parts = []
    for start in range(0, length - 1, 4):
        part = weights[start : start + 4]
        texts = (f"{n:0{len(part)}d}" for n in range(10 ** len(part)))
        parts.append({text: sum(int(d) * w for d, w in zip(text, part, strict=True)) for text in texts})
    return tuple(parts)


def _fits(number: str, length: int) -> bool:
    first, second, third = _parts(length)
    try:
        rest = (first[number[:4]] + second[number[4:8]] + third[number[8:-1]]) % 11
    except KeyError:
        return False
    return len(number) == length and number[-1] == ("0" if rest <= 1 else str(11 - rest))


def resident_code_fits(code: str) -> bool:
    """Whether it is a well-formed resident code; for a million at a time, the same answer as `check_resident_code`."""
    return _fits(code, 11)


def my_number_fits(number: str) -> bool:
    """Whether it is a well-formed individual number; for a million at a time, the same answer as `check_my_number`."""
    return _fits(number, 12) and number != "0" * 12


def corporate_check_digit(last_twelve: str) -> int:
    """Check digit of a corporate number (法人番号); it stands first."""
    total = sum(int(d) * (1 if place % 2 == 0 else 2) for place, d in enumerate(reversed(last_twelve)))
    return 9 - total % 9


def _digits(number: str, length: int, what: str) -> str:
    if len(number) != length or not number.isascii() or not number.isdigit():
        raise Invalid(f"{what}: it has {length} digits 0-9")
    return number


def check_authority_code(code: str) -> str:
    """The code itself when it is well formed.

    Raises
    ------
    Invalid
        Wrong length, other characters, or a wrong check digit; names the digit that would fit.
    """
    _digits(code, 6, "authority code")
    right = authority_check_digit(code[:5])
    if int(code[5]) != right:
        raise Invalid(f"authority code {code}: the check digit is wrong ({code[:5]} would end in {right})")
    return code


def check_resident_code(code: str) -> str:
    """The code itself when it is well formed; raises `Invalid` without repeating it."""
    _digits(code, 11, "resident code")
    if int(code[10]) != resident_code_check_digit(code[:10]):
        raise Invalid("resident code: the check digit is wrong")
    return code


def check_my_number(number: str) -> str:
    """The number itself when it is well formed; raises `Invalid` without repeating it."""
    _digits(number, 12, "individual number")
    if set(number) == {"0"}:
        raise Invalid("individual number: all zeros is a placeholder, never issued")
    if int(number[11]) != my_number_check_digit(number[:11]):
        raise Invalid("individual number: the check digit is wrong")
    return number


def check_corporate_number(number: str) -> str:
    """The number itself when it is well formed; raises `Invalid` otherwise."""
    _digits(number, 13, "corporate number")
    if int(number[0]) != corporate_check_digit(number[1:]):
        raise Invalid(f"corporate number {number}: the check digit is wrong")
    return number


CHECKS = {
    "authority": check_authority_code,
    "my-number": check_my_number,
    "resident-code": check_resident_code,
    "corporate": check_corporate_number,
}
