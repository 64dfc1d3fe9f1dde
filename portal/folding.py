"""Templates in which whatever is the same on every page is written out once, when they are loaded.

A page of ours has a hundred texts, addresses and icons that no reader and no row changes: to work each out anew takes a
third of the time of a page. They become a part of the text around them. With more than one language texts stay as they
are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.template import Context, Template
from django.template.base import FilterExpression, Node, NodeList, TextNode, TokenType, Variable
from django.template.defaulttags import CommentNode, LoadNode, URLNode
from django.template.library import SimpleNode
from django.template.loaders import base, cached
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.templatetags.static import StaticNode
from django.urls import NoReverseMatch
from django.utils.safestring import SafeString

from portal.templatetags.berth import icon


class _Folding(base.Loader):
    def get_template(self, template_name: str, skip: Any = None) -> Template:
        template = super().get_template(template_name, skip)
        context = Context()
        context.template = template
        _fold(template.nodelist, context)
        return template


class Loader(cached.Loader, _Folding):
    """Django's, which keeps templates; they are folded before they are kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        setting_changed.connect(self._forget)  # as tests do

    def _forget(self, **_kwargs: object) -> None:
        self.reset()


def _fold(nodes: NodeList, context: Context) -> None:
    """Put text in the place of what is constant, one for several that follow each other, here and in all inside."""
    folded: list[Node] = []
    for node in nodes:
        text = _constant(node, context)
        if text is None:
            for inner in _inside(node):
                _fold(inner, context)
            folded.append(node)
        elif folded and isinstance(folded[-1], TextNode):
            folded[-1] = TextNode(folded[-1].s + text)
        else:
            folded.append(TextNode(text))
    nodes[:] = folded


def _inside(node: Node) -> Iterator[NodeList]:
    for value in vars(node).values():
        if isinstance(value, NodeList):
            yield value
    for _condition, nodes in getattr(node, "conditions_nodelists", ()):
        yield nodes


def _constant(node: Node, context: Context) -> str | None:
    """Return what the node always writes, None where that depends on something."""
    if isinstance(node, TextNode):
        return str(node.s)
    if isinstance(node, (CommentNode, LoadNode)):
        return ""
    if not _is_constant(node):
        return None
    try:
        return str(node.render(context))
    except (NoReverseMatch, ValueError):  # whoever shows it, if anybody does, is told
        return None


def _is_constant(node: Node) -> bool:
    if isinstance(node, URLNode):
        return not (node.args or node.kwargs or node.asvar) and _is_literal(node.view_name)
    if isinstance(node, StaticNode):
        return node.varname is None and _is_literal(node.path)
    if isinstance(node, SimpleNode):
        is_icon = node.func is icon and node.target_var is None
        return is_icon and not node.kwargs and all(map(_is_literal, node.args))
    if settings.USE_I18N or not isinstance(node, (TranslateNode, BlockTranslateNode)):
        return False
    if node.asvar or node.message_context:
        return False
    if isinstance(node, TranslateNode):
        return _is_literal(node.filter_expression)
    is_text = all(token.token_type == TokenType.TEXT for token in node.singular)
    return is_text and not (node.extra_context or node.counter)


def _is_literal(expression: FilterExpression) -> bool:
    if expression.filters:
        return False
    value = expression.var
    return isinstance(value.literal if isinstance(value, Variable) else value, SafeString | str)
