package dev.tern.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.CancelledException;
import dev.tern.ChatTemplateException;
import dev.tern.ChatTemplateException.Reason;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates that want more than to write text. */
class HostileTemplateTest {
  /** A rendering counts 32 MiB; buffers that grow and the objects around them take a few times that at worst. */
  private static final long MAX_ALLOCATED = 256L << 20;

  static List<String> greedy() {
    String grow = "{% set n = namespace(s='ab', l=[1], d={}) %}{% for i in range(90000) %}";
    return List.of(
        "{% for i in range(10**9) %}{% endfor %}",
        "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}",
        "{% set r = range(90000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}",
        "{% set r = range(90000) %}{% for i in r %}{{ r | sort | length }}{% endfor %}",
        "{% set r = range(90000) %}{% for i in r %}{{ r == r ~ '' }}{{ 5 in r }}{{ r | list == r | list }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
        "{% macro f(x=f()) %}{% endmacro %}{{ f() }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}",
        "{{ 'a' * 10**9 }}", "{{ 10**9 * 'a' }}", "{{ [0] * 10**9 }}", "{{ ('a' * 10**6) * 10**6 }}",
        grow + "{% set n.s = n.s ~ n.s %}{% endfor %}", grow + "{% set n.s = n.s + n.s %}{% endfor %}", grow + "{% set n.l = n.l + n.l %}{% endfor %}",
        grow + "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}", grow + "{% set n.l = [n.l] %}{% endfor %}{{ n.l == [n.l] }}",
        grow + "{% set n.l = [n.l] %}{% endfor %}{{ n.l < n.l }}{{ [n.l, n.l] | sort }}", grow + "{% set n.l = {'a': n.l} %}{% endfor %}{{ n.l | tojson }}",
        grow + "{% set n.s = n.s | replace('a', 'aa') %}{% endfor %}", grow + "{% set n.s = n.s.replace('', n.s) %}{% endfor %}",
        grow + "{% set n.s = [n.s, n.s] | join(n.s) %}{% endfor %}", grow + "{% set n.s = n.s.join(n.s) %}{% endfor %}",
        grow + "{% set n.s = [n.s] | string %}{% endfor %}", grow + "{% set n.s = n.s | tojson | tojson %}{% endfor %}", grow + "{% set n.s = '%s%s' % (n.s, n.s) %}{% endfor %}",
        grow + "{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}{% endfor %}", grow + "{% set n.s = n.s | e ~ '<' * 1000 %}{% endfor %}",
        grow + "{% set n.s = '{a}{a}'.format(a=n.s) %}{% endfor %}", grow + "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 99 }}{% endfor %}",
        "{{ '%1000000000d' % 1 }}", "{{ '%1000000000s' | format('a') }}", "{{ 'a' | center(10**9) }}", "{{ 'a'.ljust(10**9) }}", "{{ 'a'.zfill(10**9) }}",
        "{{ [1] | batch(10**9, 0) }}", "{{ range(90000) | map('string') | join('a' * 10000) }}", "{{ ('a\n' * 90000) | indent('b' * 10000) }}",
        "{% set s = 'ab' * 50000 %}{% for i in range(90000) %}{{ s.count('ba') == s.split('b') | length }}{% endfor %}",
        "{% set s = 'ab' * 500000 %}{% for i in range(90000) %}{% if 'c' in s or s == s ~ '' or s.find('c') > 0 or s.upper() == s %}{% endif %}{% endfor %}",
        "{% set s = 'ab' * 500000 %}{% for i in range(90000) %}{% if s[i] == s[-1] and s | length > 5 and s.startswith(s) %}{% endif %}{% endfor %}",
        "{% set d = {'a': 1} %}{% for i in range(90000) %}{% for j in range(99) %}{% if d.items() %}{% endif %}{% endfor %}{% endfor %}",
        "{% set r = range(90000) %}{% for i in r %}{% set ns = namespace(a=dict(r | batch(2))) %}{% endfor %}",
        "{% for i in range(90000) %}{{ range(90000) | unique | list | length }}{% endfor %}");
  }

  @ParameterizedTest
  @MethodSource("greedy")
  void greedIsBounded(String template) {
    com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    ChatTemplateException e = assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
      long before = threads.getCurrentThreadAllocatedBytes();
      ChatTemplateException thrown = assertThrows(ChatTemplateException.class, () -> Template.parse(template).render(Map.of()));
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertTrue(allocated < MAX_ALLOCATED, allocated + " bytes");
      return thrown;
    });
    assertEquals(Reason.LIMIT, e.reason(), e.getMessage());
  }

  /** Work that is not in proportion to the steps that it looks like. Some of it is done, in little time, and some refused. */
  static List<String> lopsided() {
    String k = "{% set k = ('a' * 1000) * 400 %}{% set n = k ~ 'b' %}";
    String shared = "{% set n = namespace(l=[1], m=[1], d={}) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}"
        + "{% set n.d = {'a': n.d, 'b': n.d} %}{% endfor %}";
    String often = "{% for i in range(90000) %}{% if ";
    String end = " %}{% endif %}{% endfor %}";
    return List.of(
        shared + "{{ n.l < n.l }}", shared + "{{ n.l < n.m }}", shared + "{{ n.l == n.m }}", shared + "{{ n.l in [n.m] }}", shared + "{{ [n.l, n.m] | sort }}",
        shared + "{{ [n.l, n.m] | max }}", shared + "{{ [n.l] | unique }}", shared + "{{ [{'a': n.l}, {'a': n.m}] | groupby('a') }}", shared + "{{ n.d == n.d.a }}",
        shared + "{{ n.d | tojson(sort_keys=true) }}", shared + "{{ {'a': n.l, 'b': n.m} | dictsort(by='value') }}", shared + "{{ {n.l: 1} }}",
        shared + "{{ [1] | tojson(separators=[n.l, 'a']) }}", shared + "{{ {} | dictsort(false, n.l) }}", shared + "{{ '%s' % n.l }}", shared + "{{ n.l is lt(n.m) }}",
        k + "{{ (k ~ k ~ k).find(n) }}", k + "{{ (k ~ k ~ k).rfind('b' ~ k) }}", k + "{{ n in k ~ k ~ k }}", k + "{{ (k ~ k).replace(n, '') | length }}",
        k + "{{ (k ~ k).split(n) | length }}", k + "{{ (k ~ k).count(n) }}", k + "{{ (k ~ k).rsplit('b' ~ k) | length }}", k + "{{ (k ~ k).index(n) }}",
        k + "{{ (k ~ k).partition(n) | length }}", k + often + "k.startswith((k, k, k))" + end, k + often + "k.endswith((n, n))" + end,
        k + "{{ k.strip(('b' * 1000) * 1000 ~ 'a') | length }}", k + "{{ k | trim(('b' * 1000) * 1000 ~ 'a') | length }}",
        "{{ (('x,' * 1000) * 400).rsplit(',', 399990) | length }}",
        "{% set k = ('A' * 1000) * 1000 %}{{ ([k] * 100000) | sort | length }}", k + "{{ ([n, k ~ 'c'] * 100000) | sort(case_sensitive=true) | length }}",
        k + "{{ ([k, n] * 100000) | unique | list | length }}", k + "{{ ([{'a': k}, {'a': n}] * 100000) | groupby('a') | length }}",
        k + "{{ ([{'x': 1}] * 200000) | map(attribute=k ~ '.' ~ k, default=1) | list | length }}",
        k + "{% set d = dict([[k, {k: 1}]]) %}{{ ([d] * 200000) | map(attribute=k ~ '.' ~ k) | list | length }}",
        k + "{% set d = dict([[k, 1]]) %}" + often + "k ~ '' in d" + end, k + often + "k is lower" + end, "{% set a" + "a".repeat(500_000) + " = 1 %}",
        "{% set f = '%' ~ ('-' * 1000) * 1000 ~ 's' %}" + often + "f % 1" + end, "{% set x = 'a'.ljust(4611686018427387904) %}" + often + "range(90000) | list" + end,
        "{{ 'a'.ljust(-9223372036854775807 - 1) }}", "{{ 'a'.ljust(9223372036854775807) }}", "{{ '%.3s' % '\ud83d\ude00\ud83d\ude00' }}",
        "{% set d = dict(range(90000) | batch(2)) %}{% set e = dict(range(1, 90001) | batch(2)) %}" + often + "d == e" + end,
        "{{ strftime_now(('%Y' * 1000) * 300) | length }}", "{% set s = ('<' * 1000) * 1000 %}{{ s | e | length }}{{ s | e | length }}{{ s | e | length }}",
        "{% set s = ('\\x01' * 1000) * 1000 %}{{ s | tojson | length }}{{ [s] | string | length }}{{ s | tojson | length }}{{ s | tojson | length }}",
        "{{ ([2.2250738585072014e-308, 1.7976931348623157e308] * 90000) | string | length }}", k + "{% for i in range(99) %}{{ k.replace('', '') | length }}{% endfor %}",
        "{% set r = range(90000) | map('string') | list %}{% for i in range(10) %}{{ r | map('int') | sum }}{% endfor %}",
        "{% for j in range(9) %}{% for i in range(30000) %}{% set x = (1.3306839186691313 | round(40), '%.2f' % 1.33) %}{% endfor %}{% endfor %}",
        "{{ ([7199 / 5410] * 32100) | sort }}", "{{ ([5e-324, 1.2345678901234567e-300, -0.0] * 30000) | tojson }}",
        "{{ ([2.3e-308] * 90000) | map('round', 300) | list | length }}", "{% for i in range(90000) %}{% if '%.60f' % 1.7e308 %}{% endif %}{% endfor %}",
        "{% filter trim" + "|trim".repeat(20_000) + " %}a{% endfilter %}", "{{ 'a' | map(*(['map'] * 50000)) | list }}", "{{ {a" + "()".repeat(20_000) + ": 1} }}");
  }

  @ParameterizedTest
  @MethodSource("lopsided")
  void everyStepIsShort(String template) {
    com.sun.management.ThreadMXBean threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
      long before = threads.getCurrentThreadAllocatedBytes();
      try {
        Template.parse(template).render(Map.of());
      } catch (ChatTemplateException e) {
        assertTrue(e.reason() != Reason.REFUSED, e.getMessage());
      }
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      assertTrue(allocated < MAX_ALLOCATED, allocated + " bytes");
    });
  }

  /** Numbers, texts and floats of one hash each, all in one dictionary. */
  @Test
  void keysMayHaveOneHash() {
    List<List<Object>> pairs = new java.util.ArrayList<>();
    for (int i = 0; i < 8_000; i++) {
      int hash = 0x3ff00000 + i; // of its upper half, so that both halves cancel
      pairs.add(List.of(Double.longBitsToDouble((long) hash << 32 | hash), 1));
      pairs.add(List.of((long) hash << 32 | hash, 1));
    }
    String template = "{% set d = dict(pairs) %}{{ d | length }} {{ pairs | map(attribute=0) | unique | list | length }}{% for p in pairs %}{{ '' if p[0] in d else 'x' }}{% endfor %}";
    assertTimeoutPreemptively(Duration.ofSeconds(20), () ->
        assertEquals("16000 16000", Template.parse(template).render(Map.of("pairs", pairs)).toString()));
  }

  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {
    "nan < 1, nan > 1, nan <= nan, nan >= 1, [nan] < [1], [nan] > [1];(False, False, False, False, False, False)",
    "[nan, 2, nan, 1.5, -1] | sort;[-1, 1.5, 2, nan, nan]", "(mixed * 600) | sort | length;3600", "(mixed * 600 + [nan] * 99) | sort(reverse=true) | last;9007199254740992.0",
    "9007199254740993 == 9007199254740992.0, 9007199254740993 > 9007199254740992.0;(False, True)", "9223372036854775807 < 9223372036854775808.0;True",
    "-9223372036854775807 > -1e300, 1 < 1.5, -1 > -1.5, 2 > 1.5;(True, True, True, True)", "-0.0 < 0, 0 == -0.0, [none] < [none];(False, True, False)",
    "('ab' * 20 ~ 'c' ~ 'ab' * 20).find('b' ~ 'ab' * 10 ~ 'c');19", "('ab' * 20 ~ 'c' ~ 'ab' * 20).rfind('ab' * 15);51", "('ab' * 40).count('ab' * 10);4",
    "'aXbXc'.rsplit('X', 1), 'aaa'.rsplit('aa');(['aXb', 'c'], ['a', ''])", "('zyab' * 3).strip('bcdefghijklmnopqrstuvwxyz');abzyabzya"
  })
  void whatWasMendedIsRight(String expression, String expected) {
    String values = "{% set nan = 1e308 * 10 - 1e308 * 10 %}"
        + "{% set mixed = [9007199254740992, 9007199254740993, 9007199254740992.0, 9007199254740994, 9007199254740995, 9007199254740996.0] %}";
    assertEquals(expected, Template.parse(values + "{{ " + expression + " }}").render(Map.of()).toString());
  }

  @Test
  void interruptingEndsARendering() {
    Template template = Template.parse("{% set r = range(90000) %}{% for i in r %}{{ r | sort | length }}{% endfor %}");
    Thread.currentThread().interrupt();
    try {
      assertThrows(CancelledException.class, () -> template.render(Map.of()));
    } finally {
      assertTrue(Thread.interrupted(), "the flag stays set");
    }
  }

  @ParameterizedTest
  @CsvSource(quoteCharacter = '`', value = {
    "(;)", "[;]", "{0:;}", "not (;)", "-;``", "a if b else (;)", "a[;]", "f(;)", "a|int(;)", "((;))", "{% if a %};{% endif %}", "{% for a in b %};{% endfor %}",
    "{% set a %};{% endset %}", "{% macro a() %};{% endmacro %}", "{% filter trim %};{% endfilter %}", "{% generation %};{% endgeneration %}"
  }, delimiter = ';')
  void depthIsBounded(String open, String close) {
    String template = open.repeat(20_000) + "a" + (close == null ? "" : close.repeat(20_000));
    String tag = open.startsWith("{%") ? template : "{{ " + template + " }}";
    ChatTemplateException e = assertThrows(ChatTemplateException.class, () -> Template.parse(tag));
    assertEquals(Reason.LIMIT, e.reason(), e.getMessage());
  }

  /** Chains are read in a loop, and nest only when they are evaluated. */
  @ParameterizedTest
  @ValueSource(strings = {" + a", " - a", " * a", " ** a", " and a", " or 0", "|int", " is defined", "[0]", ".b", "()", "|int()"})
  void chainsAreBounded(String link) {
    ChatTemplateException e = assertThrows(ChatTemplateException.class, () -> Template.parse("{{ a" + link.repeat(20_000) + " }}").render(Map.of("a", 1)));
    assertTrue(e.reason() == Reason.LIMIT || e.reason() == Reason.EVALUATION || link.equals(" is defined"), e.getMessage());
  }

  @Test
  void longTemplatesAreRefusedAndLongConversationsAreNot() {
    assertEquals(Reason.LIMIT, assertThrows(ChatTemplateException.class, () -> Template.parse("a".repeat((1 << 20) + 1))).reason());
    List<Map<String, String>> messages = java.util.stream.IntStream.range(0, 2000).mapToObj(i -> Map.of("role", "user", "content", "word ".repeat(2000))).toList();
    String text = Template.parse("{% for m in messages %}<{{ m.role }}>{{ m['content'] | trim + '\n' }}{% endfor %}").render(Map.of("messages", messages)).toString();
    assertEquals(2000 * (6 + 9999 + 1), text.length());
  }

  /** Nothing of Java or Python is to be found. */
  @ParameterizedTest
  @ValueSource(strings = {
    "x.getClass()", "x.class", "x.class.forName('java.lang.Runtime')", "x['class']['forName']('java.lang.Runtime')", "x.getBytes()", "x.length()", "x.hashCode()",
    "x.toString()", "x.chars()", "x.__class__.__mro__", "m.getClass()", "m.entrySet()", "m.put('a', 1)", "m.__init__.__globals__", "l.getClass()", "l.stream()", "l.size()",
    "l.iterator()", "loop.getClass()", "range.__globals__['x']", "namespace.__init__.__globals__", "namespace().getClass()", "namespace().map.x", "f.call()", "f.__code__.co_consts",
    "''.format.__globals__['x']", "'{0.__class__}'.format(x)", "'{x.__class__}'.format(x=x)", "'%(a.b)s' % 5", "cycler.__init__", "lipsum.__globals__", "self._TemplateReference__context",
    "x | attr('getClass')()", "x | attr('class') | attr('forName')('x')", "l | map(attribute='class.name') | first | upper ~ nothing.x", "request.application", "config.items()",
    "joiner.__init__", "ctx.environment", "(x ~ '').getClass().getClassLoader()", "java.lang.Runtime", "T(java.lang.Runtime)", "x.bytes.x", "l.0.getClass()", "''.concat(x)"
  })
  void nothingElseIsReachable(String expression) {
    String template = "{% macro f() %}{% endmacro %}{% for i in l %}{{ " + expression + " }}{% endfor %}";
    ChatTemplateException e = null;
    String text = "";
    try {
      text = Template.parse(template).render(Map.of("x", "text", "m", Map.of("k", "v"), "l", List.of("text"))).toString();
    } catch (ChatTemplateException thrown) {
      e = thrown;
    }
    assertTrue(e != null && e.reason() != Reason.LIMIT || e == null && text.isEmpty(), expression + " is " + text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"include '/etc/passwd'", "import '/etc/passwd' as x", "from '/etc/passwd' import x", "extends '/etc/passwd'", "block x", "do x", "python x", "load x"})
  void nothingIsRead(String tag) {
    assertEquals(Reason.SYNTAX, assertThrows(ChatTemplateException.class, () -> Template.parse("{% " + tag + " %}")).reason());
  }
}
