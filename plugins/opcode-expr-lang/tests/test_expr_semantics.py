"""What the language means: an expression and its value, a table for each family."""

import math
from typing import Any

import pytest
from opcode_core import ExecutionError
from opcode_expr_lang.engine import ExprEngine

ENGINE = ExprEngine()
VARIABLES: dict[str, Any] = {
    "inputs": {
        "n": 3,
        "f": 2.5,
        "s": "héllo",
        "list": [3, 1, 2],
        "people": [
            {"name": "Ada", "age": 36, "tags": ["x"]},
            {"name": "Bob", "age": 25, "tags": []},
            {"name": "Cyd", "age": 36, "tags": ["x", "y"]},
        ],
        "map": {"b": 2, "a": 1},
        "nil": None,
        "a-b": {"c": 1},
        "in": "word",
    },
    "steps": {"fetch": {"output": {"status": 200}}},
    "iter": {"index": 4},
}


def evaluate(source: str) -> Any:
    return ENGINE.compile(source).evaluate(VARIABLES)


def check(source: str, result: Any) -> None:
    found = evaluate(source)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("42", 42),
        ("0x2A + 0o52 + 0b101010 + 1_000", 1126),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5e-1", 0.15),
        ("'a' + \"b\" + `c\\n`", "abc\\n"),
        ("`a``b`", "a`b"),
        (r"'\n\t\\\'\u00e9\x41\U0001F600\101'", "\n\t\\'éA😀A"),
        ("nil", None),
        ("true and not false", True),
        ("[1, 'a', nil, [2.0],]", [1, "a", None, [2.0]]),
        ("{a: 1, 'b c': 2, 3: 4, (string(5)): 6,}", {"a": 1, "b c": 2, "3": 4, "5": 6}),
        ("{a: 1, a: 2}", {"a": 1}),
        ("1 /* one */ + 2 // three", 3),
        ("inputs.nil ?? 'x'", "x"),
        ("(1; 2; 3)", 3),
        ("1; 2;", 2),
    ],
)
def test_literals(source: str, result: Any) -> None:
    check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("7 / 2", 3.5),
        ("4 / 2", 2.0),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("2 ** 3 ** 2", 512.0),
        ("2 ^ 10", 1024.0),
        ("-2 ** 2", -4.0),
        ("1 + 2 * 3 - 4", 3),
        ("(1 + 2) * 3", 9),
        ("1 + 1.0", 2.0),
        ("+3", 3),
        ("- -3", 3),
        ("1 == 1.0", True),
        ("1 == true", False),
        ("[1, [2]] == [1.0, [2]]", True),
        ("{a: 1} == {a: 1.0}", True),
        ("{a: 1} != {b: 1}", True),
        ("'a' < 'b' and 2 > 1.5", True),
        ("1 < 2 < 3", True),
        ("1 < 3 <= 2", False),
        ("not 1 in [1]", ExecutionError),
        ("1 not in [1, 2]", False),
        ("'a' in {a: 1}", True),
        ("2 in nil", False),
        ("1 in [true]", False),
        ("1.0 in [1]", True),
        ("[1] in [[1]]", True),
        ("1..3", [1, 2, 3]),
        ("3..1", []),
        ("1..1 + 1", [1, 2]),
        ("true or 1", True),
        ("true ? 1 : 2", 1),
        ("false ? 1 : false ? 2 : 3", 3),
        ("false ?: 4", 4),
        ("true ?: 4", True),
        ("if false { 1 } else if true { let x = 2; x + 1 } else { 4 }", 3),
        ("nil ?? nil ?? 3", 3),
        ("(nil ?? 1) + 2", 3),
        ("'hello' contains 'ell' && 'hello' startsWith 'he' && 'hello' endsWith 'lo'", True),
        ("'hello' not contains 'ell'", False),
        ("'hello' matches '^h.*o$'", True),
        ("'hello' not matches 'x'", True),
        ("nil matches 'x'", False),
        ("nil contains 'x'", False),
        ("let x = 1; let y = x + 1; [x, y]", [1, 2]),
        ("let f = [1, 2]; map(f, # + len(f))", [3, 4]),
        ("1 | max(2)", 2),
        ("'A,b' | lower() | split(',') | map(# + '!') | join('')", "a!b!"),
        ("::len('ab')", 2),
    ],
)
def test_operators(source: str, result: Any) -> None:
    if result is ExecutionError:
        with pytest.raises(ExecutionError):
            evaluate(source)
    else:
        check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("inputs.map.a", 1),
        ("inputs['map']['a']", 1),
        ('inputs["a-b"].c', 1),
        ("inputs.missing", None),
        ("inputs.missing?.x.y.z", None),
        ("inputs.missing?.x ?? 5", 5),
        ("inputs?.map?.b", 2),
        ("inputs.missing?.[0]?.x", None),
        ("(inputs.missing?.x).y", None),
        ("inputs.in", "word"),
        ("inputs.list[0] + inputs.list[-1]", 5),
        ("inputs.list[1:]", [1, 2]),
        ("inputs.list[:-1]", [3, 1]),
        ("inputs.list[5:9]", []),
        ("inputs.s[1:3]", "él"),
        ("inputs.s[:]", "héllo"),
        ("'abc'[0]", 97),
        ("$env.inputs.n", 3),
        ("$env['inputs'].n", 3),
        ("'inputs' in $env", True),
        ("'iter' in $env", False),
        ("iter.index", 4),
        ("len($env)", 2),
        ("inputs.people[0].tags[0]", "x"),
        ("workflow", None),
    ],
)
def test_members(source: str, result: Any) -> None:
    check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("all(inputs.list, # > 0)", True),
        ("any(inputs.list, {# > 2})", True),
        ("one(inputs.list, # == 3)", True),
        ("none(inputs.list, # > 2)", False),
        ("map(inputs.people, .name)", ["Ada", "Bob", "Cyd"]),
        ("filter(inputs.people, .age > 30) | map(.name)", ["Ada", "Cyd"]),
        ("filter(inputs.people, 'x' in .tags) | len()", 2),
        ("find(inputs.people, .age < 30).name", "Bob"),
        ("find(inputs.people, .age < 3)", None),
        ("findIndex(inputs.list, # == 2)", 2),
        ("findLast(inputs.people, .age == 36).name", "Cyd"),
        ("findLastIndex(inputs.people, .age == 36)", 2),
        ("findIndex(inputs.list, # == 9)", None),
        ("count(inputs.list, # > 1)", 2),
        ("count([true, false, true])", 2),
        ("sum(inputs.list)", 6),
        ("sum(inputs.people, .age)", 97),
        ("sum([])", 0),
        ("sum([1, 0.5])", 1.5),
        ("groupBy(inputs.people, .age) | keys()", [36, 25]),
        ("groupBy(inputs.people, .age)[36] | map(.name)", ["Ada", "Cyd"]),
        ("groupBy(inputs.people, .name).Zoe", []),
        ("groupBy(inputs.people, .name)?.Zoe", None),
        ("groupBy([1, 1.0, true], #) | len()", 3),
        ("groupBy([1, 2], # > 1)", {"false": [1], "true": [2]}),
        ("sortBy(inputs.people, .age) | map(.name)", ["Bob", "Ada", "Cyd"]),
        ("sortBy(inputs.people, .age, 'desc') | map(.name)", ["Ada", "Cyd", "Bob"]),
        ("reduce(inputs.list, #acc + #)", 6),
        ("reduce(inputs.list, #acc + # * #index, 100)", 105),
        ("reduce([], #acc, 7)", 7),
        ("map(inputs.list, #index)", [0, 1, 2]),
        ("map([[1, 2], [3]], sum(#, # * 2))", [6, 6]),
        ("map(1..3, let x = #; map(1..2, x * #))", [[1, 2], [2, 4], [3, 6]]),
        ("map(1..2, {let y = # + 1; y * 2})", [4, 6]),
        ("map('ab', #)", [97, 98]),
        ("map(inputs.map, 1)", [1, 1]),
        ("filter(1..6, # % 2 == 0)", [2, 4, 6]),
    ],
)
def test_predicates(source: str, result: Any) -> None:
    check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("trim('  a ') + trim('__a_', '_')", "aa"),
        ("trimPrefix('abc', 'a') + trimSuffix('abc', 'c')", "bcab"),
        ("upper('aé') + lower('AÉ')", "AÉaé"),
        ("split('a,b,c', ',')", ["a", "b", "c"]),
        ("split('a,b,c', ',', 2)", ["a", "b,c"]),
        ("split('abc', '')", ["a", "b", "c"]),
        ("split('a', ',', 0)", []),
        ("splitAfter('a,b', ',')", ["a,", "b"]),
        ("splitAfter('abc', '', 2)", ["a", "bc"]),
        ("replace('aaa', 'a', 'b')", "bbb"),
        ("replace('aaa', 'a', 'b', 2)", "bba"),
        ("repeat('ab', 3)", "ababab"),
        ("indexOf('héllo', 'l') * 10 + lastIndexOf('héllo', 'l')", 23),
        ("indexOf('a', 'b')", -1),
        ("hasPrefix('abc', 'ab') and hasSuffix('abc', 'bc')", True),
        ("join(['a', 'b']) + join(['a', 'b'], '-')", "aba-b"),
        ("len('héllo') + len([1]) + len({a: 1})", 7),
        ("toBase64('é') + fromBase64('w6k=')", "w6k=é"),
        ("fromBase64('//8=')", "\ufffd\ufffd"),
        ("trim('xyzay', '" + "".join(chr(0x100 + at) for at in range(70)) + "yx')", "za"),
    ],
)
def test_texts(source: str, result: Any) -> None:
    check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("max(1, 2.5, [7, [3]])", 7),
        ("min([4, 2], 3)", 2),
        ("max([])", None),
        ("mean([1, 2, 4, 5])", 3.0),
        ("mean([])", 0.0),
        ("median([3, 1, 2])", 2.0),
        ("median(1, 2, [3, 4])", 2.5),
        ("abs(-5) + abs(-0.5)", 5.5),
        ("[ceil(1.2), floor(-1.2), round(2.5), round(-2.5), round(2.4)]", [2.0, -2.0, 3.0, -3.0, 2.0]),
        ("ceil(3)", 3.0),
        ("bitand(12, 10) + bitor(12, 10) + bitxor(12, 10) + bitnand(12, 10)", 32),
        ("bitnot(10)", -11),
        ("bitshl(45, 2)", 180),
        ("bitshl(1, 63)", -(2**63)),
        ("bitshl(1, 64)", 0),
        ("bitshr(-5, 1)", -3),
        ("bitushr(-5, 2)", 4611686018427387902),
        ("int('-12') + int(3.9) + int(-3.9)", -12),
        ("float('1.5') + float(1)", 2.5),
        ("type([nil, 1][0]) + type(1) + type(1.0) + type('') + type([]) + type({}) + type(true)",
         "nilintfloatstringarraymapbool"),
        ("type(now()) + type(duration('1s'))", "time.Timetime.Duration"),
    ],
)  # fmt: skip
def test_numbers_and_types(source: str, result: Any) -> None:
    check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("first([1, 2]) + last([1, 2])", 3),
        ("first([])", None),
        ("last('ab')", 98),
        ("get([1], 5)", None),
        ("get({a: 1}, 'a')", 1),
        ("get({a: 1}, 2)", None),
        ("get(nil, 'a')", None),
        ("take([1, 2, 3], 2)", [1, 2]),
        ("take([1], 5)", [1]),
        ("concat([1], [2], [[3]])", [1, 2, [3]]),
        ("flatten([1, [2, [3, []]]])", [1, 2, 3]),
        ("reverse([1, 2, 3])", [3, 2, 1]),
        ("uniq([1, 1.0, true, 'a', nil, nil, [1], [1], {a: 1}, {a: 1}, 'a'])",
         [1, True, "a", None, [1], {"a": 1}]),
        ("sort([3, 1.5, 2])", [1.5, 2, 3]),
        ("sort(['b', 'a'], 'desc')", ["b", "a"]),
        ("sort(nil)", []),
        ("keys(inputs.map)", ["b", "a"]),
        ("values(inputs.map)", [2, 1]),
        ("toPairs({a: 1})", [["a", 1]]),
        ("fromPairs([['a', 1], ['b', 2], ['a', 3]])", {"a": 3, "b": 2}),
        ("fromPairs(toPairs(inputs.map)) == inputs.map", True),
    ],
)  # fmt: skip
def test_lists_and_maps(source: str, result: Any) -> None:
    check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("string(nil) + string(true) + string([1, 'a', {b: nil, a: 1.5}])",
         "<nil>true[1 a map[a:1.5 b:<nil>]]"),
        ("map([1.0, 0.1, 100000000000000000000.0, 1e21, 1.5e-5, -0.0001, 123456789.5], string(#))",
         ["1", "0.1", "100000000000000000000", "1e+21", "1.5e-05", "-0.0001", "123456789.5"]),
        ("string(1 / 0) + string(-1 / 0) + string(0 / 0)", "+Inf-InfNaN"),
        ("toJSON({b: [1, 2.0], a: 'é<\"'})",
         '{\n  "a": "é\\u003c\\"",\n  "b": [\n    1,\n    2\n  ]\n}'),
        ("toJSON([]) + toJSON({}) + toJSON(nil)", "[]{}null"),
        ("fromJSON('{\"a\": [1, true, null]}')", {"a": [1.0, True, None]}),
    ],
)  # fmt: skip
def test_conversions(source: str, result: Any) -> None:
    check(source, result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("date('2023-08-14')", "2023-08-14T00:00:00Z"),
        ("date('2023-08-14 10:11:12')", "2023-08-14T10:11:12Z"),
        ("date('2023-08-14T10:11:12.5+02:00')", "2023-08-14T10:11:12.5+02:00"),
        ("date('Mon, 14 Aug 2023 10:11:12 UTC').Unix()", 1692007872),
        ("date('14 Aug 23 10:11 UTC').Hour()", 10),
        ("date('14.08.2023', '02.01.2006')", "2023-08-14T00:00:00Z"),
        ("date('3:04 PM', '3:04 PM').Hour()", 15),
        ("date('2023-08-14 12:00:00', '2006-01-02 15:04:05', 'Europe/Zurich')",
         "2023-08-14T12:00:00+02:00"),
        ("date(timezone('Europe/Zurich'), '2023-01-14').UTC()", "2023-01-13T23:00:00Z"),
        ("date('2023-08-14').In(timezone('Asia/Tokyo')).Format('2006-01-02 15:04 -0700 MST')",
         "2023-08-14 09:00 +0900 JST"),
        ("date('2024-02-28').AddDate(0, 0, 2).Format('Jan _2 06, Monday')", "Mar  1 24, Friday"),
        ("let d = date('2023-12-31'); [d.Year(), d.Month(), d.Day(), d.YearDay(), d.Weekday()]",
         [2023, 12, 31, 365, 0]),
        ("string(date('2023-08-14'))", "2023-08-14 00:00:00 +0000 UTC"),
        ("date('2023-08-15') - date('2023-08-14')", "24h0m0s"),
        ("date('2023-08-14') + duration('36h')", "2023-08-15T12:00:00Z"),
        ("date('2023-08-14') > date('2023-08-13') + duration('1h')", True),
        ("date('2023-08-14').After(date('2023-08-13'))", True),
        ("date('2023-08-14T02:00:00+02:00') == date('2023-08-14')", True),
        ("sort([date('2023-08-14'), date('2020-01-01')])[0].Year()", 2020),
        ("duration('1h30m').Minutes()", 90.0),
        ("duration('1h') + duration('90s')", "1h1m30s"),
        ("duration('1.5s').Milliseconds()", 1500),
        ("duration('1h') * 2 == duration('2h') and -duration('1h') < duration('0')", True),
        ("map(['1500us', '0', '-1m', '1ns', '100h'], string(duration(#)))",
         ["1.5ms", "0s", "-1m0s", "1ns", "100h0m0s"]),
        ("now() > date('2024-01-01') and now().Year() > 2023", True),
        ("toJSON([date('2023-08-14'), duration('1s')])",
         '[\n  "2023-08-14T00:00:00Z",\n  1000000000\n]'),
    ],
)  # fmt: skip
def test_dates_and_durations(source: str, result: Any) -> None:
    check(source, result)


def test_nan_is_not_equal_to_itself() -> None:
    assert evaluate("(0 / 0) == (0 / 0)") is False
    assert math.isclose(evaluate("2 ** 0.5"), math.sqrt(2))
