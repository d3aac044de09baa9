"""What becomes of a stranger's words on their way into a message: the table, with the reason of each line."""

from __future__ import annotations

from pathlib import Path

import pytest

from qunflow.rendering import Templates
from qunflow.rendering.values import (
    LONGEST_NAME,
    LONGEST_TEXT,
    harmless,
    harmless_name,
    harmless_text,
    plain_in_markdown,
    without_mentions,
)

TEXTS = [
    # (as it was typed, as it is written, why)
    ("@all 快来", "＠all 快来", "a robot reads @all as a mention of the whole group"),
    ("@ALL", "＠ALL", "in any case of letters"),
    ("@ all", "＠ all", "and with a space between"),
    ("@\tall", "＠ all", "or a tab"),
    ("@所有人", "＠所有人", "the same in Chinese"),
    ("@全体成员", "＠全体成员", "as older clients call it"),
    ("@everyone", "＠everyone", "as other platforms call it"),
    ("@here", "＠here", "those who are online are enough of a crowd"),
    ("@channel", "＠channel", "a channel is a group"),
    ("＠所有人", "＠所有人", "the wide sign is only a picture of a mention, and stays"),
    ("﹫所有人", "﹫所有人", "so is the small one"),
    ("@a\u200bll", "＠all", "a zero-width space hides the word from a filter, not from a client"),
    ("@\u2060所有人", "＠所有人", "nor does a word joiner"),
    ("@\u200dall", "＠all", "nor an emoji joiner without emoji"),
    ("@\ufeffall", "＠all", "nor a byte order mark"),
    ("@\u00adall", "＠all", "nor a soft hyphen"),
    ("@\u3164all", "＠all", "nor a Hangul filler, which is a letter that shows nothing"),
    ("@13800000000", "＠13800000000", "DingTalk mentions by number"),
    ("小满@", "小满＠", "what comes next in the copy may be 所有人"),
    ("x@all", "x＠all", "no address has this host"),
    ("x@all.example", "x＠all.example", "a client may stop reading after @all"),
    ("a@b.example", "a@b.example", "an e-mail address is no mention"),
    ("<@zhangsan>", "＜＠zhangsan>", "WeCom's markdown mentions a colleague like this"),
    ("< @zhangsan>", "＜ ＠zhangsan>", "and is not strict about the space"),
    ("<@all>", "＜＠all>", "or everybody"),
    ('<at user_id="all">所有人</at>', '＜at user_id="all">所有人＜/at>', "Feishu mentions everybody like this"),
    ("<!channel>", "＜!channel>", "another platform's way"),
    ('<font color="warning">官方</font>', '＜font color="warning">官方＜/font>', "nobody else may write in our colour"),
    ("<script>alert(1)</script>", "＜script>alert(1)＜/script>", "and no page may run it"),
    ("I <3 橘子", "I <3 橘子", "a heart is no tag"),
    ("5 < 6", "5 < 6", "nor is a comparison"),
    ("[点我](http://evil.example)", "[点我］(http://evil.example)", "a link must show where it leads"),
    ("[点我] (http://evil.example)", "[点我］ (http://evil.example)", "with a space too"),
    ("[愉快]", "[愉快]", "an emoji code of WeChat stays"),
    ("一\n\n【官方】二", "一 【官方】二", "a second line could pass for another message"),
    ("一\r\n二", "一 二", "CR and LF would start a new header or log line"),
    ("一\u2028二\u2029三\x85四", "一 二 三 四", "Unicode has line ends of its own"),
    ("一\x0b二\x0c三", "一 二 三", "so have printers"),
    ("abc\u202egnp.exe", "abcgnp.exe", "right-to-left override turns the end of a name round"),
    ("\u2066x\u2069\u061c", "x", "isolates and marks do the like"),
    ("\u200e\u200f", "", "a name of marks alone is no name"),
    ("\u3164", "", "nor is a filler"),
    ("\u2800", "", "nor an empty braille cell"),
    ("\x1b[31mred\x00", "[31mred", "no colour for terminals, no end for C strings"),
    ("a\x7fb\x9bc", "abc", "delete and the eighth-bit control codes"),
    ("\ud800x", "x", "half a character cannot be sent at all"),
    ("\ue000x\uf8ff", "x", "private characters look different on each phone"),
    ("x\ufffe\ufdd0", "x", "no characters at all"),
    ("\U000e0041\U000e007fx", "x", "tags spell hidden words"),
    ("葛\U000e0100", "葛", "a variation nobody sees"),
    ("Z" + "\u0351" * 9, "Z\u0351\u0351", "heaped marks run over the lines above and below"),
    ("é\u0301 ñ", "é\u0301 ñ", "marks that belong to a letter stay"),
    ("  小  满 ", "小 满", "blanks once, and none at the edges"),
    ("\u3000小满\u00a0", "小满", "wide and fixed blanks are blanks"),
    ("👨\u200d👩\u200d👧 一家", "👨\u200d👩\u200d👧 一家", "a family stays together"),
    ("🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈", "so does a flag"),
    ("小\u200d满", "小满", "but no joiner in words"),
    ("29.9 元，3 件；“好”——真的…", "29.9 元，3 件；“好”——真的…", "ordinary words are not touched"),
    ("https://q.example.com/s/a_1?b=1&c=2#d", "https://q.example.com/s/a_1?b=1&c=2#d", "nor are our own links"),
    ("字" * 5_000, "字" * LONGEST_TEXT, "a text has an end"),
    ("a" * (LONGEST_TEXT - 1) + " b", "a" * (LONGEST_TEXT - 1), "and no blank before it"),
]

NAMES = [
    ("小满🌸", "小满🌸", "a name"),
    ("Mr.Wang", "Mr．Wang", "a dot that a client could take for an address"),
    ("http://evil.example/x", "http：//evil．example/x", "a name is never a link"),
    ("evil.com 领红包", "evil．com 领红包", "not without http either"),
    ("名" * 40, "名" * (LONGEST_NAME - 1) + "…", "longer than WeChat allows: cut, and shown to be"),
    ("@all", "＠all", "all that holds for texts holds for names"),
]

IN_MARKDOWN = [
    ("**官方**", "＊＊官方＊＊", "bold is ours"),
    ("# 公告", "＃ 公告", "so are headings"),
    ("> 引用", "＞ 引用", "and quotes"),
    ("`rm`~~价~~", "｀rm｀～～价～～", "and code, and struck prices"),
    ("[x](y)![z](w)", "［x］（y）！［z］（w）", "links and pictures"),
    ("a|b\\n", "a｜b＼n", "table bars and escapes"),
    ("_斜_ a_b", "＿斜＿ a_b", "a low line inside a code is part of it"),
    ("见 https://q.example.com/s/a_1?b=* 好", "见 https://q.example.com/s/a_1?b=＊ 好", "an address stays one"),
    ("小满 3 件 29.9 元", "小满 3 件 29.9 元", "words stay words"),
]


@pytest.mark.parametrize(("typed", "result", "why"), TEXTS)
def test_a_text_loses_its_power_and_keeps_its_words(typed: str, result: str, why: str) -> None:
    """Mentions, tags, hidden characters and line ends become harmless; what people write every day stays."""
    assert harmless_text(typed) == result, why
    assert harmless_text(result) == result, "doing it twice changes nothing"


@pytest.mark.parametrize(("typed", "result", "why"), NAMES)
def test_a_nickname_is_short_and_no_link(typed: str, result: str, why: str) -> None:
    """A variable or key called ``nickname`` is a stranger's name."""
    assert harmless_name(typed) == result, why
    assert harmless(typed, "nickname") == result
    assert harmless([{"nickname": typed}], "ranking") == [{"nickname": result}]


@pytest.mark.parametrize(("typed", "result", "why"), IN_MARKDOWN)
def test_in_markdown_a_value_marks_nothing(tmp_path: Path, typed: str, result: str, why: str) -> None:
    """Copy for robots ends in ``.md.j2``, and only what stands in it is markdown."""
    assert plain_in_markdown(typed) == result, why
    (tmp_path / "notice.md.j2").write_text("**战报** {{ x }}", encoding="utf-8")
    assert Templates([tmp_path]).render("notice.md.j2", {"x": typed}) == f"**战报** {result}"


ACROSS = [
    # (copy, value, finished text, why)
    ("欢迎 @{{ x }}", "所有人", "欢迎 ＠所有人", "a sign of the copy and a name must not add up"),
    ("欢迎 @{{ x }}", "All", "欢迎 ＠All", "in any case of letters"),
    ("欢迎 @{{ x }}", "小满", "欢迎 @小满", "while a plain name is greeted as it was meant"),
    ("{{ x }}所有人都来", "小满@", "小满＠所有人都来", "nor a name and the copy"),
    ("<{{ x }}>", "@zhangsan", "<＠zhangsan>", "nor three parts"),
    ("@所有人 {{ x }}", "@all", "@所有人 ＠all", "what the author wrote on purpose stays"),
    ("<@{{ x }}> 请看", "zhangsan", "<@zhangsan> 请看", "so does a mention of a colleague"),
]


@pytest.mark.parametrize(("copy", "value", "result", "why"), ACROSS)
def test_copy_and_value_do_not_add_up_to_a_mention(
    tmp_path: Path, copy: str, value: str, result: str, why: str
) -> None:
    """Only the author of the copy can mention, never who fills it in."""
    (tmp_path / "a.j2").write_text(copy, encoding="utf-8")
    assert Templates([tmp_path]).render("a.j2", {"x": value}) == result, why


def test_a_text_without_the_sign_is_not_touched() -> None:
    """The last look at a finished text costs nothing where there is nothing to find."""
    text = "没有"
    assert without_mentions(text) is text
