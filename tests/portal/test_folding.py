"""Folded templates: what is constant is written out when they are loaded, what is not stays, pages stay the same."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.conf import settings as django_settings
from django.template import Context, Engine, engines
from django.template.base import Node, TextNode
from django.urls import NoReverseMatch
from pytest_django import Settings

from portal.folding import Loader

TAGS = ["portal.templatetags.berth", "django.templatetags.i18n", "django.templatetags.static"]
PLAIN = "django.template.loaders.locmem.Loader"


def engine(texts: Mapping[str, str], *, folds: bool = True) -> Engine:
    """Return an engine that knows these templates, and folds them or does not."""
    loader = (PLAIN, dict(texts))
    libraries = {"berth": TAGS[0]}
    return Engine(
        loaders=[("portal.folding.Loader", [loader]) if folds else loader], libraries=libraries, builtins=TAGS
    )


def test_templates_of_pages_are_folded() -> None:
    (loader,) = engines["django"].engine.template_loaders  # type: ignore[attr-defined]
    assert isinstance(loader, Loader)


@pytest.mark.parametrize(
    "text",
    [
        '<a href="{% url "people" %}">{% translate "People" %}</a>',
        '{% load berth %}{% icon "tick" %}{# nothing #}{% static "berth/berth.css" %}',
        "{% comment %}{{ name }}{% endcomment %}{% blocktranslate trimmed %}  100 %\n & a {% endblocktranslate %}",
        '{% translate "100 %% & more" %}',
    ],
)
def test_constant_becomes_one_text(text: str) -> None:
    template = engine({"page": text}).get_template("page")
    (only,) = template.nodelist
    assert isinstance(only, TextNode)
    context = {"name": "Ana"}
    assert template.render(Context(context)) == engine({"page": text}, folds=False).get_template(
        "page"
    ).render(Context(context))


DEPENDS = [
    "{% translate word %}",
    '{% translate "one"|upper %}',
    '{% translate "one"|cut:word|add:word %}',
    '{% translate "one" as text %}{{ text }}',
    "{% blocktranslate %}{{ word }} & more{% endblocktranslate %}",
    "{% blocktranslate with text=word %}{{ text }}{% endblocktranslate %}",
    "{% blocktranslate count n=number %}one{% plural %}many{% endblocktranslate %}",
    "{% blocktranslate asvar text %}one{% endblocktranslate %}{{ text }}",
    '{% url "person" key %}',
    '{% url name %} {% url "people" as address %}{{ address }}',
    "{% icon name_of_icon %}",
    '{% icon "tick" as drawn %}{{ drawn }}',
    '{% static file %} {% static "a.css" as address %}{{ address }}',
    '{% autoescape off %}{% translate "a < b" %}{{ word }}{% endautoescape %}',
]
VALUES = (
    {"word": "<one>", "number": 1, "key": "00000000-0000-0000-0000-000000000001", "name": "people"}
    | {"name_of_icon": "tick", "file": "a.css"},
    {"word": "<two>", "number": 2, "key": "00000000-0000-0000-0000-000000000002", "name": "directory"}
    | {"name_of_icon": "cross", "file": "b.css"},
)
AROUND = [
    "%s",
    '{%% if word == "<one>" %%}{%% url "home" %%}%s{%% elif word %%}{%% icon "tick" %%}{%% else %%}-{%% endif %%}',
    '{%% for each in "ab" %%}{%% translate "each" %%} %s{%% empty %%}{%% icon "tick" %%}{%% endfor %%}',
    '{%% with a=word %%}{%% static "a.css" %%} %s{%% endwith %%}',
    '{%% once as shown %%}{%% icon "tick" %%} %s{%% endonce %%}{{ shown }}{{ shown }}',
    '{%% extends "frame" %%}{%% block inside %%}{{ block.super }}{%% url "home" %%} %s{%% endblock %%}',
]
FRAME = '{% url "home" %}{% block inside %}{% icon "tick" %}{{ word }}{% endblock %}{% translate "end" %}'


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("text", DEPENDS)
def test_page_stays_the_same(text: str, around: str) -> None:
    texts = {"page": around % text, "frame": FRAME}
    folded, plain = engine(texts).get_template("page"), engine(texts, folds=False).get_template("page")
    for values in (*VALUES, *VALUES):
        assert folded.render(Context(values)) == plain.render(Context(values))


def test_what_is_inside_is_folded() -> None:
    for around in AROUND[1:5]:
        template = engine({"page": around % ""}).get_template("page")
        kinds = {type(node).__name__ for node in template.nodelist.get_nodes_by_type(Node)}
        assert not kinds & {"URLNode", "TranslateNode", "StaticNode", "LoadNode"}
        assert "SimpleNode" not in kinds


def test_address_that_there_is_not_is_told_to_who_shows_it() -> None:
    template = engine({"page": '{% if shown %}{% url "nowhere" %}{% endif %}'}).get_template("page")
    assert template.render(Context({})) == ""
    with pytest.raises(NoReverseMatch):
        template.render(Context({"shown": True}))


def test_texts_stay_where_there_are_several_languages(settings: Settings) -> None:
    settings.USE_I18N = True
    template = engine({"page": '{% translate "one" %}{% blocktranslate %}two{% endblocktranslate %}'})
    names = [type(node).__name__ for node in template.get_template("page").nodelist]
    assert names == ["TranslateNode", "BlockTranslateNode"]


def test_is_folded_anew_where_a_setting_changes(settings: Settings) -> None:
    known = engine({"page": '{% static "a.css" %}'})
    assert known.get_template("page").render(Context({})) == f"{django_settings.STATIC_URL}a.css"
    settings.STATIC_URL = "/elsewhere/"
    assert known.get_template("page").render(Context({})) == "/elsewhere/a.css"
