"""What whoever plays should do next, in one sentence: the page is for people who have never seen it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qunflow.sandbox.page.bubbles import name_of
from qunflow.sandbox.page.todo import Todo
from qunflow.sandbox.platform import Platform


@dataclass(frozen=True, slots=True)
class Step:
    """
    One sentence; ``tab`` is where it is done, empty for what is done at the top of the page.

    ``play`` is the userid of somebody to be played from now on, by a button called ``label``.
    """

    text: str
    tab: str = ""
    urgent: bool = False
    play: str = ""
    label: str = ""


def next_step(platform: Platform, waiting: Sequence[Todo], *, runs: bool) -> Step:
    """The first of these that holds: nobody is played, something waits, nothing is going on, time stands still."""
    played = {one.userid for one in platform.staff if one.habit == "never"}
    mine = [todo for todo in waiting if todo.userid in played]
    if mine:
        text = f"{mine[0].name}有 {len(mine)} 条群发等你确认，客户还没看到：在「待办」按「确认发送」。"
        return Step(text, "tasks", urgent=True)
    if not played:
        return _choose(platform)
    if not platform.tasks and not platform.app_messages:
        return Step("还没有程序来派任务。用 Qunflow 或你自己的程序调一次群发，任务会出现在「待办」。", "log")
    if runs:
        return Step("时间在走。「待办」出现红点就去确认；想慢慢看就按「冻结」。")
    return Step("没有事等着你。按「+1 小时」或「继续」让时间往前走，人们会说话、进群、退群。")


def _choose(platform: Platform) -> Step:
    text = "先选一个人来演，沙箱就不替他确认群发；别的人在「动作」里选。"
    owner = next((chat.owner for chat in platform.chats if chat.owner in platform.staff), "")
    return Step(text, "acts", play=owner, label=f"我演{name_of(platform, owner)}" if owner else "")
