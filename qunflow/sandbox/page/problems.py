"""
Why an act cannot be done, for the person who pressed the button.

Programs read the English sentence of ``/_sandbox/act``; the page shows these words in its place.
"""

from __future__ import annotations

CHINESE = {
    "already friends": "两个人已经是好友了",
    "already in the group": "这个人已经在群里了",
    "already liked": "已经赞过了",
    "no such moment for that member": "这位员工没有这条朋友圈任务",
    "no such task of that member": "这位员工没有这条群发任务",
    "no transfer is waiting": "没有等着接手的客户",
    "nobody asked": "没有人在申请加好友",
    "nobody behind the code is left": "这个码背后的员工都不在了",
    "not friends": "两个人不是好友",
    "not in the group": "这个人不在群里",
    "only the owner of a group can send to it": "只有群主能往这个群群发",
    "robots cannot be added to that group": "这个群不能加机器人",
    "say chat_type group or single, targets and text": "要选好发给谁，并写上内容",
    "that person does not see this moment": "这个人看不到这条朋友圈",
    "the group is full": "群满了",
    "the link has nobody left": "链接背后的员工都不在了",
    "the link is no more": "链接已经失效",
    "the member has left or never logged in": "这位员工已离职或从未登录",
    "the moment is cancelled or already published": "这条朋友圈已撤回或已发表",
    "the owner already": "他已经是群主了",
    "the temporary code is somebody else's": "这个临时码是给别人的",
    "the temporary code is used up or expired": "临时码已用过或过期",
    "there is a robot of that name": "已经有同名的机器人",
    "unknown code or customer": "没有这个码或这个客户",
    "unknown config_id": "没有这个群活码，可能已被删除",
    "unknown customer": "没有这个客户",
    "unknown group": "没有这个群",
    "unknown link": "没有这个链接",
    "unknown member": "没有这位员工",
    "unknown member or customer": "没有这位员工或这个客户",
    "unknown or dissolved group": "群不存在或已解散",
    "unknown robot": "没有这个机器人",
    "unknown welcome code": "没有这个欢迎语凭证",
}
