"""The T-SQL semantics that one DuckDB operator does not have, as SQL macros in schema ``tsql``.

Macros are expanded when a statement is planned, so they cost what the expression itself costs. Errors are raised with
SQL Server's own words.
"""

from __future__ import annotations

from typing import Any

_NUMBER = r"' *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+) *'"
_FLOAT = r"' *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *'"
_CLOCK = r"([ T]+([01]?[0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,7})?)?Z?)?"
_UNKNOWN_DATE = (
    r"'.*([0-9] *[-/. ] *[0-9]|[0-9]:[0-9]|^ *[0-9]{4} *$|^ *[0-9]{6} *$|^ *[0-9]{8}|"
    r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec).*[0-9]|[0-9].*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)).*'"
)


def _bad(kind: str) -> str:
    return f"error('Conversion failed when converting the value ''' || s || ''' to data type {kind}.')"


def _date_order(name: str, pattern: str, replacement: str) -> str:
    """A macro that turns dates written in one order into ISO text; text that is no date at all becomes NULL."""
    return f"""{name}(s) AS CASE
        WHEN trim(s) = '' THEN '1900-01-01'
        WHEN regexp_full_match(s, ' *[0-9]{{8}}{_CLOCK} *')
            THEN regexp_replace(trim(s), '^(....)(..)(..)', '\\1-\\2-\\3')
        WHEN regexp_full_match(s, ' *{pattern}{_CLOCK} *')
            THEN regexp_replace(trim(s), '^{pattern}', '{replacement}')
        WHEN regexp_matches(s, {_UNKNOWN_DATE}, 'i')
            THEN error('The value ''' || s || ''' may be a date in a format that depends on the language; '
                || 'write it as yyyy-mm-dd, or use CONVERT with the style that fits.')
        END"""


_MACROS = (
    # arithmetic
    "nonzero(b) AS CASE WHEN b = 0 THEN error('Divide by zero error encountered.') ELSE b END",
    """wide_quotient(a, b, a_units, shift, b_units, unit) AS
        CAST(CAST(a * a_units AS HUGEINT) * shift // CAST(b * b_units AS HUGEINT) AS DECIMAL(38, 0)) * unit""",
    # Division of 128-bit numbers is twenty times slower than of 64-bit ones, so those are tried first.
    """quotient(a, b, a_units, shift, b_units, unit, most) AS
        CASE WHEN abs(TRY_CAST(a * a_units AS BIGINT)) <= most AND TRY_CAST(b * b_units AS BIGINT) IS NOT NULL
        THEN CAST(TRY_CAST(a * a_units AS BIGINT) * shift // TRY_CAST(b * b_units AS BIGINT) AS DECIMAL(38, 0)) * unit
        ELSE tsql.wide_quotient(a, b, a_units, shift, b_units, unit) END""",
    """real_root(x) AS CASE WHEN x < 0 THEN error('An invalid floating point operation occurred.') ELSE sqrt(x) END""",
    """real_log(x) AS CASE WHEN x <= 0 THEN error('An invalid floating point operation occurred.') ELSE ln(x) END""",
    """finite(x) AS CASE WHEN isinf(x) OR isnan(x)
        THEN error('Arithmetic overflow error converting expression to data type float.') ELSE x END""",
    # text
    "len(s) AS CAST(length(rtrim(s, ' ')) AS INTEGER)",
    """head(s, n) AS CASE WHEN n < 0 THEN error('Invalid length parameter passed to the left function.')
        ELSE left(s, CAST(n AS BIGINT)) END""",
    """tail(s, n) AS CASE WHEN n < 0 THEN error('Invalid length parameter passed to the right function.')
        ELSE right(s, CAST(n AS BIGINT)) END""",
    """substring(s, i, n) AS CASE
        WHEN n < 0 THEN error('Invalid length parameter passed to the LEFT or SUBSTRING function.')
        WHEN i >= 1 THEN substr(s, CAST(i AS BIGINT), CAST(n AS BIGINT))
        ELSE substr(s, 1, greatest(0, CAST(n AS BIGINT) + CAST(i AS BIGINT) - 1)) END""",
    """charindex(f, s) AS CASE WHEN f = '' THEN CASE WHEN s IS NOT NULL THEN 0 END
        ELSE CAST(strpos(lower(s), lower(f)) AS INTEGER) END""",
    """charindex_from(f, s, i) AS CASE
        WHEN f = '' THEN CASE WHEN s IS NOT NULL AND i IS NOT NULL THEN 0 END
        WHEN strpos(substr(lower(s), greatest(i, 1)), lower(f)) = 0 THEN 0
        ELSE CAST(strpos(substr(lower(s), greatest(i, 1)), lower(f)) + greatest(i, 1) - 1 AS INTEGER) END""",
    """patindex(s, open_pattern) AS CASE WHEN s IS NULL THEN NULL
        WHEN NOT regexp_matches(s, open_pattern, 'is') THEN 0
        ELSE CAST(length(regexp_extract(s, '^(.*?)(?:' || open_pattern || ')', 1, 'is')) + 1 AS INTEGER) END""",
    """replace(s, f, r) AS CASE WHEN f = '' THEN s
        ELSE regexp_replace(s, regexp_escape(f), replace(r, '\\', '\\\\'), 'gi') END""",
    """stuff(s, i, n, r) AS CASE WHEN i < 1 OR i > length(s) OR n < 0 THEN NULL
        ELSE left(s, CAST(i AS BIGINT) - 1) || coalesce(r, '') || substr(s, CAST(i AS BIGINT) + n) END""",
    "replicate(s, n) AS CASE WHEN n >= 0 THEN repeat(s, CAST(n AS BIGINT)) END",
    "pad(s, n) AS left(rpad(s, n, ' '), n)",
    """at_most(s, n) AS CASE WHEN length(s) > n
        THEN error('STRING_AGG aggregation result exceeded the limit of 8000 bytes. Use LOB types to avoid result '
            || 'truncation.') ELSE s END""",
    """room(s, n, t) AS CASE WHEN length(s) > n
        THEN error('Arithmetic overflow error converting expression to data type ' || t || '.') ELSE s END""",
    """ascii(s) AS CASE WHEN s = '' THEN NULL WHEN unicode(s) < 128 THEN CAST(unicode(s) AS INTEGER)
        ELSE error('ASCII of a character outside ASCII depends on the code page; write UNICODE.') END""",
    """like_text(s, p) AS CASE WHEN contains(p, '[')
        THEN error('A LIKE pattern that is not a constant may not hold [; write the pattern out.')
        ELSE s ILIKE p END""",
    """utf16_hex(s) AS array_to_string(list_transform(string_split(s, ''), lambda c: CASE
        WHEN unicode(c) < 65536 THEN printf('%02X%02X', unicode(c) & 255, unicode(c) >> 8)
        ELSE printf('%02X%02X%02X%02X',
            (55296 + ((unicode(c) - 65536) >> 10)) & 255, (55296 + ((unicode(c) - 65536) >> 10)) >> 8,
            (56320 + ((unicode(c) - 65536) & 1023)) & 255, (56320 + ((unicode(c) - 65536) & 1023)) >> 8) END), '')""",
    """utf16(s) AS CASE WHEN s = '' THEN encode('')
        WHEN regexp_full_match(s, '[\\x01-\\x7F]*') THEN encode(regexp_replace(s, '(.)', '\\1' || chr(0), 'gs'))
        ELSE unhex(tsql.utf16_hex(s)) END""",
    """ascii_bytes(s) AS CASE WHEN regexp_full_match(s, '[\\x00-\\x7F]*') THEN encode(s)
        ELSE error('HASHBYTES of varchar outside ASCII depends on the code page; write CAST(… AS nvarchar(n)).')
        END""",
    # conversions from text
    f"""whole(s) AS CASE WHEN regexp_full_match(s, ' *[+-]?[0-9]+ *') THEN trim(s)
        WHEN trim(s) IN ('', '+', '-') THEN '0' ELSE {_bad("int")} END""",
    """try_whole(s) AS CASE WHEN regexp_full_match(s, ' *[+-]?[0-9]+ *') THEN trim(s)
        WHEN trim(s) IN ('', '+', '-') THEN '0' END""",
    f"numeric(s) AS CASE WHEN regexp_full_match(s, {_NUMBER}) THEN trim(s) ELSE {_bad('numeric')} END",
    f"try_numeric(s) AS CASE WHEN regexp_full_match(s, {_NUMBER}) THEN trim(s) END",
    f"""float(s) AS CASE WHEN regexp_full_match(s, {_FLOAT}) THEN trim(s) WHEN trim(s) = '' THEN '0'
        ELSE {_bad("float")} END""",
    f"try_float(s) AS CASE WHEN regexp_full_match(s, {_FLOAT}) THEN trim(s) WHEN trim(s) = '' THEN '0' END",
    """try_bit(s) AS CASE WHEN lower(trim(s)) = 'true' THEN TRUE WHEN lower(trim(s)) = 'false' THEN FALSE
        WHEN trim(s) = '' THEN FALSE
        WHEN regexp_full_match(s, ' *[+-]?[0-9]+ *') THEN regexp_matches(s, '[1-9]') END""",
    f"bit(s) AS CASE WHEN s IS NOT NULL AND tsql.try_bit(s) IS NULL THEN {_bad('bit')} ELSE tsql.try_bit(s) END",
    """try_uuid(s) AS CASE
        WHEN regexp_full_match(s, '\\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\\}? *')
        THEN CAST(regexp_replace(s, '[{} ]', '', 'g') AS UUID) END""",
    f"""uuid(s) AS CASE WHEN s IS NOT NULL AND tsql.try_uuid(s) IS NULL THEN {_bad("uniqueidentifier")}
        ELSE tsql.try_uuid(s) END""",
    _date_order("iso_ymd", "([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})", "\\1-\\2-\\3"),
    _date_order("iso_mdy", "([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})", "\\3-\\1-\\2"),
    _date_order("iso_dmy", "([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})", "\\3-\\2-\\1"),
    """iso(s) AS CASE WHEN regexp_matches(s, '^ *[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}')
        THEN tsql.iso_mdy(s) ELSE tsql.iso_ymd(s) END""",
    """moment(iso_text, s) AS CASE WHEN s IS NOT NULL AND TRY_CAST(iso_text AS TIMESTAMP) IS NULL
        THEN error('Conversion failed when converting date and/or time from character string ''' || s || '''.')
        ELSE TRY_CAST(iso_text AS TIMESTAMP) END""",
    """try_clock(s) AS CASE WHEN regexp_full_match(s, ' *([01]?[0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,7})?)? *')
        THEN TRY_CAST(trim(s) AS TIME) WHEN trim(s) = '' THEN TIME '00:00:00'
        WHEN regexp_matches(s, '[0-9] *[:apAP]') THEN CAST(tsql.moment(tsql.iso(s), s) AS TIME) END""",
    """clock(s) AS CASE WHEN s IS NOT NULL AND tsql.try_clock(s) IS NULL
        THEN error('Conversion failed when converting date and/or time from character string ''' || s || '''.')
        ELSE tsql.try_clock(s) END""",
    # dates
    """round_us(d, u) AS make_timestamp(epoch_us(d) + u // 2 - (((epoch_us(d) + u // 2) % u) + u) % u)""",
    """round_time(d, u) AS CAST(make_timestamp(((epoch_us(d) + u // 2) // u * u) % 86400000000) AS TIME)""",
    """ticks(d) AS ((epoch_us(d) % 1000000 + 1000000) % 1000000 * 3 + 5000) // 10000""",
    """datetime(d) AS date_trunc('second', d) + to_milliseconds((tsql.ticks(d) * 10 + 1) // 3)""",
    "sundays(d) AS (date_diff('day', DATE '0001-01-01', CAST(d AS DATE)) + 1) // 7",
    """week(d) AS CAST((dayofyear(d) - 1 + dayofweek(make_date(year(d), 1, 1))) // 7 + 1 AS INTEGER)""",
    """style_0(d) AS strftime(d, '%b ') || lpad(CAST(day(d) AS VARCHAR), 2, ' ') || strftime(d, ' %Y ')
        || lpad(strftime(d, '%-I:%M%p'), 7, ' ')""",
    "fraction(d, n) AS left(strftime(d, '%f') || '0', n)",
    # JSON
    """json_value(j, p) AS CASE WHEN json_type(j, p) IN ('OBJECT', 'ARRAY') THEN NULL
        WHEN length(json_extract_string(j, p)) > 4000 THEN NULL ELSE json_extract_string(j, p) END""",
    """json_query(j, p) AS CASE WHEN json_type(j, p) IN ('OBJECT', 'ARRAY') THEN CAST(json_extract(j, p) AS VARCHAR)
        END""",
    """json_rows(j, p) AS CASE json_type(j, p) WHEN 'ARRAY' THEN json_extract(j, p || '[*]')
        WHEN 'OBJECT' THEN [json_extract(j, p)] END""",
    """json_kind(t) AS CASE t WHEN 'NULL' THEN CAST(0 AS UTINYINT) WHEN 'VARCHAR' THEN CAST(1 AS UTINYINT)
        WHEN 'BOOLEAN' THEN CAST(3 AS UTINYINT) WHEN 'ARRAY' THEN CAST(4 AS UTINYINT)
        WHEN 'OBJECT' THEN CAST(5 AS UTINYINT) ELSE CAST(2 AS UTINYINT) END""",
    """is_json(s) AS CASE WHEN s IS NULL THEN NULL
        WHEN json_valid(s) THEN CASE WHEN json_type(s) IN ('OBJECT', 'ARRAY') THEN 1 ELSE 0 END ELSE 0 END""",
)

MACROS = "CREATE SCHEMA IF NOT EXISTS tsql;\n" + "\n".join(
    f"CREATE OR REPLACE MACRO tsql.{macro};" for macro in _MACROS
)


def install_macros(con: Any) -> None:
    """Creates or renews schema ``tsql`` and its macros on a DuckDB connection. Safe to call again."""
    con.execute(MACROS)
