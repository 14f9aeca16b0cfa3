package dev.tern.jinja;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.code_intelligence.jazzer.mutation.annotation.NotNull;
import com.sun.management.ThreadMXBean;
import dev.tern.ChatTemplateException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Any text as a chat template, given a conversation: it is rendered, or refused with the one exception there is for it. */
class TemplateFuzzTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final long MAX_ALLOCATED = 256L << 20; // as in HostileTemplateTest
  private static final Map<String, Object> VALUES =
      Map.of(
          "messages", List.of(Map.of("role", "system", "content", "Be brief."), Map.of("role", "user", "content", " Hi <|eot_id|>\n")),
          "bos_token", "<s>",
          "eos_token", "</s>",
          "add_generation_prompt", true,
          "tools", List.of(Map.of("name", "f", "parameters", Map.of("x", 1.5, "y", -3L))));

  static { // an agent that instruments classes while they load allocates much more than a template may
    Template.parse(
        "{% macro m(a, b=1) %}{{ a ~ b }}{% endmacro %}{{ m('x') }}{% set n = namespace(a=[3, 1.5, 'B']) %}{% call m(1) %}{% endcall %}"
            + "{% for x in n.a if x is string %}{{ loop.index }}{{ x.replace('B', 'c').split('a' * 20) | tojson }}{% endfor %}{% filter trim %} a {% endfilter %}"
            + "{{ '%5.1f|{}' % 2.5 }}{{ '{}'.format(1) }}{{ strftime_now('%Y') }}{{ [2, 1] | sort | map('string') | join(',') }}{{ {'a': [1]} == {'a': [2]} }}"
            + "{{ [{'a': 1}] | groupby('a') | length }}{{ {'b': 1} | dictsort }}{{ 'abc'[1:] in 'bc' }}{{ [1] < [2.5] }}{{ '1.5' | float }}").render(VALUES);
  }

  @FuzzTest
  void chatTemplate(byte @NotNull [] bytes) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    try {
      Template.parse(new String(bytes, StandardCharsets.UTF_8)).render(VALUES);
    } catch (ChatTemplateException e) {
      // as promised
    }
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    assertTrue(allocated <= MAX_ALLOCATED, allocated + " bytes allocated for a template of " + bytes.length);
  }
}
