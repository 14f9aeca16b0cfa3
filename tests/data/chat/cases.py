#!/usr/bin/env python3
"""Makes cases.json: templates, and what Jinja 3 makes of them as Hugging Face transformers sets it up.

usage: cases.py > cases.json; needs jinja2
"""
import json
import sys

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def to_json(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])
env.filters["tojson"] = to_json
env.globals["raise_exception"] = refuse
values = {
    "messages": [
        {"role": "system", "content": "  Be brief. "},
        {"role": "user", "content": "Hi\n"},
        {"role": "assistant", "content": "Hello <b>"},
        {"role": "user", "content": "2+2?"},
    ],
    "bos_token": "<s>",
    "eos_token": "</s>",
    "add_generation_prompt": True,
}
TEMPLATES = [
    "{{ 'a' + ' b ' | trim }}|",
    "{{ 'x\\ny\\t\\\\z' }}",
    "{% set x = 'a' %}\n{{ x }}\n  {% if x %}\ny\n  {%- endif %}\n z",
    '{% for m in messages[1:] %}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.index }}{{ loop.length }}{{ loop.revindex }};{% endfor %}',
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content }}{% endfor %}",
    '{% for m in messages[::-1] %}{{ m.role }}{% endfor %}',
    '{{ messages[-1].content }}',
    '{{ messages[:-1] | length }}',
    "{{ messages[0]['content'].strip() }}",
    "{{ 'a,b'.split(',')[1] }}",
    "{{ 'abc'.startswith('ab') }}",
    "{{ 'abc'.endswith('bc') }}",
    "{{ 'ab c'.title() }}{{ 'a'.upper() }}{{'A'.lower()}}",
    "{{ messages[0].content.split('</think>')[-1].lstrip('\\n') }}",
    "{{ 'xxaxx'.strip('x') }}{{ 'a b  c'.split() }}{{ 'a.b.c'.split('.', 1) }}{{ 'aXb'.replace('X','-') }}",
    "{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.found = true %}{% set ns.n = ns.n + 1 %}{% endif %}{% endfor %}{{ ns.found }}{{ ns.n }}",
    '{% if tools is defined %}a{% else %}b{% endif %}{% if tools is not none %}c{% endif %}{% if tools is not defined or tools is none %}d{% endif %}',
    "{{ 'a' is string }}{{ {} is mapping }}{{ [] is iterable }}{{ [] is sequence }}{{ 1 is number }}{{ none is none }}{{ true is boolean }}{{ 'x' is iterable }}{{ 5 is odd }}{{ 5 is divisibleby 5 }}{{ 1 is integer }}",
    '{{ messages[0] | tojson }}',
    '{{ messages | tojson(indent=2) }}',
    '{{ {\'a\': [1, 2.5, none, true, \'é"<\']} | tojson }}',
    "{% macro f(a, b='x') -%}\n  {{ a }}{{ b }}\n{%- endmacro %}{{ f(1) }}{{ f(1, b=2) }}",
    "{{ 'a' ~ 1 ~ true ~ none }}",
    "{{ 'user' in ['user'] }}{{ 'ser' in 'user' }}{{ 'role' in messages[0] }}{{ 'x' not in 'abc' }}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}",
    "{{ {'a': 1}.get('a') }}{{ {'a': 1}.get('b', 7) }}{{ {'a':1}.get('b') }}",
    "{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}",
    "{{ {'a': 1}.keys() | list }}{{ {'a': 1} | items | list }}",
    "{% for k,v in {'b':1,'a':2}|dictsort %}{{k}}{{v}}{% endfor %}",
    '{% generation %}a{% endgeneration %}',
    '{%- generation -%} a {%- endgeneration -%}',
    "{{ true and not false }}{{ 1 if false }}|{{ 'a' if messages else 'b' }}",
    "{{ undefined_thing }}|{{ messages[0].nope }}|{{ messages[0]['nope'] }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join('|') }}",
    "{{ messages | map(attribute='role') | join(', ') }}",
    "{{ messages | rejectattr('role','equalto','user') | list | length }}",
    '{{ 7 // 2 }}{{ 7 / 2 }}{{ 7 % 4 }}{{ 2 ** 3 }}{{ -7 // 2 }}{{ -7 % 3 }}',
    "{{ 'a' * 3 }}{{ [1] + [2] }}",
    '{{ [1, 2] }}{{ {\'a\': \'b\'} }}{{ 1.0 }}{{ true }}{{ none }}{{ \'it\\\'s\' }}{{ ["it\'s"] }}',
    "{{- 'a' -}}\n  b",
    'a\n{#- c -#}\n b',
    '{# c #}\nb',
    '  {% if true %}  x{% endif %}\n\n',
    "  {{ 'x' }}\n",
    '   {%+ if true %}x{% endif %}',
    '{% raw %}{{ a }}{% endraw %}',
    '{% set x %}a{{ 1 }}{% endset %}{{ x | upper }}',
    '{% filter upper %}a{% endfilter %}',
    "{{ 'A' | lower | capitalize }}{{ ' a ' | trim | length }}{{ [3,1] | sort }}{{ [1,2] | first }}{{ [1,2]|last }}{{ 'x' | default('y') }}{{ zz | default('y') }}{{ '' | default('y', true) }}",
    "{{ raise_exception('no') }}",
    '{% for i in range(3) %}{{ i }}{% if i == 1 %}{% break %}{% endif %}{% endfor %}',
    '{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}',
    '{% for x in [] %}a{% else %}b{% endfor %}',
    '{{ messages[0].content if messages[0].content is string else messages[0].content[0].text }}',
    '{{ (messages|length) - 1 == 3 }}',
    '{{ loop is defined }}',
    "{{ 1 == 1.0 }}{{ 'a' == 'a' }}{{ 1 != 2 }}{{ 1 < 2 <= 2 }}",
    "{{ '%s-%d' | format('a', 3) }}{{ '%s' % 'a' }}",
    '{% set a, b = 1, 2 %}{{ a }}{{ b }}',
    '{{ messages|length is odd }}',
    "{{ 'a' 'b' }}",
    "{{ {'a':{'b':[1]}}.a.b[0] }}",
    '{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ loop.nextitem.role if not loop.last }};{% endfor %}',
    "{{ 'abc'[1:] }}{{ 'abc'[0] }}{{ 'abc'[-1] }}{{ 'abc'[::-1] }}",
    "{{ 'x' if messages[0].role == 'system' and messages|length > 1 else 'y' }}",
    "{% if not add_generation_prompt is defined %}a{% endif %}{% if (messages[0]['role'] == 'user') != (1 % 2 == 0) %}q{% endif %}",
    '{% call(x) m2() %}{% endcall %}',
    "{{ messages[0].content | replace('e','E') }}",
    "{{ 'a\nb' | indent(2) }}|{{ 'a\nb' | indent(4, true) }}",
    "{{ ('a','b')[1] }}{{ 'a' in ('a','b') }}",
    "{% if messages[0] %}t{% endif %}{% if '' %}t{% endif %}{% if {} %}t{% endif %}{% if 0 %}t{% endif %}",
    "{{ 'abc'.find('c') }}{{ 'a-b'.partition('-') }}{{ 'aa'.count('a') }}{{ ','.join(['a','b']) }}{{ '1'.isdigit() }}",
    "{{ 3 | string + 'x' }}{{ '3' | int + 1 }}{{ 3.7|int }}{{ '2.5'|float }}{{ 3.25 | round(1) }}",
    '{{ dict(a=1) }}{{ [1,2,3]|sum }}{{ [1,1,2]|unique|list }}{{ [1,2,3]|batch(2)|list }}{{ [[1,2]]|tojson }}',
    '{%- set x = namespace(v=[]) -%}{%- set x.v = x.v + [1] -%}{{ x.v }}',
    '{{ messages is sequence and messages is not mapping }}',
    "{% for m in messages %}{%- if m.role=='user' -%}\n U: {{ m.content }}\n{% elif m.role == 'system' %}\nS\n{% else %}\nA\n{% endif %}{% endfor %}",
    "{{ bos_token + messages[0]['content'] | trim + eos_token }}",
    '{{ 10 ** 18 }}',
    "{{ '\\u00e9\\x41' }}",
    '{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }};{% endfor %}{{ x }}',
    '{% if true %}{% set y = 5 %}{% endif %}{{ y }}',
    '{% macro f() %}{{ z }}{% endmacro %}{% set z = 3 %}{{ f() }}',
    '{% macro f(a, b=a) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1) }}{{ f(1, 2, 3, k=4) }}',
    "{% macro b(t) %}<{{ caller(t) }}>{% endmacro %}{% call(x) b('q') %}{{ x | upper }}{% endcall %}",
    '{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}',
    '{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}',
    '{% for m in messages %}{% for n in messages %}{{ loop.depth }}{% break %}{% endfor %}{{ loop.index }}{% endfor %}',
    '{{ loop.index is defined }}{{ messages.0.role }}{{ messages[0].items() | list | length }}',
    '{{ [1, 2, 3, 4, 5][1:4:2] }}{{ [1, 2, 3][::-2] }}{{ [1, 2, 3][-2:] }}{{ [1, 2][5:] }}',
    "{{ 'a-b-c'.rsplit('-', 1) }}{{ 'a\\nb\\r\\nc'.splitlines() }}{{ '  a b '.split(' ') }}{{ 'x'.zfill(3) }}{{ '-5'.zfill(4) }}{{ 'ab'.center(5) }}|{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3) }}|",
    "{{ '{} {1} {a} {{}}'.format(1, 2, a=3) if false else '{} {a}'.format(1, a=3) }}",
    "{{ '%05.1f|%-4s|%+d|%x|%%' % (3.14159, 'ab', 7, 255) }}",
    '{{ 1e20 }}{{ 1e-5 }}{{ 0.1 }}{{ 123456789.125 }}{{ 1e16 }}{{ -0.0 }}',
    "{{ 'a' if false else 'b' if false else 'c' }}",
    '{{ not 1 in [2] }}{{ 1 not in [2] and 2 in [2] }}{{ -1 | abs }}{{ 2 + 3 * 2 ** 2 }}{{ (1, 2) }}{{ (1,) }}{{ () }}',
    "{{ none | default('x') }}{{ none | default('x', true) }}{{ messages[0].x | default('y') }}",
    "{{ 'abc' | first }}{{ 'abc' | last }}{{ 'abc' | reverse }}{{ 'cab' | sort | join }}{{ [3, 1, 2] | max }}{{ [3, 1, 2] | min }}{{ ['b', 'A'] | sort }}{{ [1, 2, 3] | select('odd') | list }}{{ [0, 1] | reject | list }}",
    "{% for g, ms in messages | groupby('role') %}{{ g }}{{ ms | length }};{% endfor %}",
    "{{ messages | map('upper') | first | length if false else ['a'] | map('upper') | list }}",
    "{{ 'x' == none }}{{ none == none }}{{ [1, [2]] == [1, [2]] }}{{ {'a': 1} == {'a': 1} }}{{ 'a' < 'b' }}{{ [1, 2] < [1, 3] }}",
    "{{ {'a': 1, 'b': [1, {'c': none}]} | tojson(indent=1) }}",
    "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}",
    "{{ '\x01\x7f\u2028' | tojson }}",
    '{{ [\'\\n\', \'\\u00e9\', \'\\x00\', \'a"b\\\'c\'] }}',
    '  {%- if true -%}  a  {%- endif -%}  b',
    'x\n  {%- if true %}\n  y\n  {%- endif %}\nz',
    '{% if true %}\n\na{% endif %}\n\n',
    'a {#- c #} b {# d -#} e',
    '{% raw -%}  {{ x }}  {%- endraw %}',
    '\t{% if true +%}\nx{% endif %}',
    "{{ 'a' }}\n  {% if true %}b{% endif %}",
    'a\r\nb\rc\n',
    "{{ messages[0].role.upper() }}{{ messages[0]['role'][0] }}{{ messages[0]['get']('role') }}",
    '{% set ns = namespace(a=1) %}{% macro f() %}{% set ns.a = ns.a + 1 %}{% endmacro %}{{ f() }}{{ f() }}{{ ns.a }}{{ ns.b }}',
    '{% set q | upper %}a{% endset %}{{ q }}',
    '{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ range(3) | list }}',
    '{{ messages[1:2] + messages[3:] | list | length if false else (messages[1:2] + messages[3:]) | length }}',
    '{{ loop.x }}',
    '{{ nothing.x }}',
    '{{ nothing + 1 }}',
    "{{ 'a' + 1 }}",
    '{{ nothing() }}',
    "{{ 'a' | nofilter }}",
    '{{ 1 is notest }}',
    '{{ messages[0].update({}) }}',
    '{{ [].append(1) }}',
    '{{ 1 / 0 }}',
    '{% for i in 5 %}{% endfor %}',
    '{% nonsense %}',
    '{% if true %}',
    "{{ 'a }}",
    '{{ (1 }}',
    '{{ 1 + }}',
    '{% for %}{% endfor %}',
    '{% endif %}',
    '{# never',
    '{% raw %}x',
    '{{ }}',
    '{{ a b }}',
    '{% break %}',
    "{{ ''.__class__ }}",
    '{{ messages.__class__.__mro__ }}',
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
]

cases = []
for template in TEMPLATES:
    case = {"template": template}
    try:
        case["text"] = env.from_string(template).render(**values)
    except Exception as e:  # whatever it is, the template does not render
        case["error"] = str(e)
    cases.append(case)
json.dump({"values": values, "cases": cases}, sys.stdout, ensure_ascii=True, indent=0)
