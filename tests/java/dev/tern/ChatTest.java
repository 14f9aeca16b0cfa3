package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ConcurrentModificationException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Conversations with the small real model, which is no conversationalist but says something. */
class ChatTest {
  /** Replies stand as they are, so that the tokens of an earlier turn come again. */
  private static final String PLAIN = "{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
  private static final String REWRITING = "{{ messages | length }}" + PLAIN;
  private static final Sampling SHORT = Sampling.greedy().maxTokens(6);

  private static Model model;
  private static Engine engine;

  @BeforeAll
  static void load() {
    model = TestModels.stories();
    engine = Engine.builder(model).maxSequences(2).build();
  }

  @AfterAll
  static void close() {
    engine.close();
    model.close();
  }

  private static ChatTemplate template(String source) {
    return ChatTemplate.of(source, model.tokenizer());
  }

  private static List<Integer> expected(ChatTemplate template, List<ChatMessage> messages) {
    try (Session fresh = engine.newSession();
        Generation generation = fresh.generate(template.encode(messages, true), SHORT)) {
      return java.util.Arrays.stream(generation.result().ids()).boxed().toList();
    }
  }

  private static List<Integer> ids(Generation generation) {
    return java.util.Arrays.stream(generation.result().ids()).boxed().toList();
  }

  @Test
  void everyTurnIsWhatAFreshSessionSays() {
    for (String source : new String[] {PLAIN, REWRITING}) {
      ChatTemplate template = template(source);
      try (Session session = engine.newSession()) {
        Chat chat = session.chat(template).system("Once upon a time");
        for (String text : new String[] {"there was a dog", "and a cat", "They played"}) {
          List<ChatMessage> messages = new java.util.ArrayList<>(chat.messages());
          messages.add(ChatMessage.user(text));
          List<Integer> wanted = expected(template, messages);
          assertEquals(wanted, ids(chat.send(text, SHORT)), source);
        }
        assertEquals(7, chat.messages().size());
        assertEquals("assistant", chat.messages().get(6).role());
      }
    }
  }

  /** Either the stream goes on and only what is new is fed, or it does not and all is fed. */
  @Test
  void onlyWhatIsNewIsFed() {
    ChatTemplate template = template(PLAIN);
    int nWentOn = 0;
    for (int n = 1; n <= 12; n++) {
      try (Session session = engine.newSession()) {
        Chat chat = session.chat(template);
        chat.send("Tom had a red ball", Sampling.greedy().maxTokens(n)).result();
        List<ChatMessage> messages = new java.util.ArrayList<>(chat.messages());
        long length = session.length();
        messages.add(ChatMessage.user("and"));
        int[] all = template.encode(messages, true);
        int fed = chat.send("and", SHORT).result().usage().promptTokens();
        assertEquals(all.length + 6, session.length());
        // The last token of the reply was not in the cache yet: it is fed with what is new.
        boolean wentOn = fed == all.length - length + 1;
        assertTrue(wentOn || fed == all.length, fed + " of " + all.length + " after " + length);
        nWentOn += wentOn ? 1 : 0;
      }
    }
    assertTrue(nWentOn > 0, "some reply's own tokens must be those of its text");
  }

  @Test
  void otherUseOfTheSessionIsNoticed() {
    ChatTemplate template = template(PLAIN);
    try (Session session = engine.newSession()) {
      Chat chat = session.chat(template);
      chat.send("Tom", SHORT).result();
      session.generate(" something else", SHORT).result();
      List<ChatMessage> messages = new java.util.ArrayList<>(chat.messages());
      messages.add(ChatMessage.user("Sue"));
      List<Integer> wanted = expected(template, messages);
      assertEquals(wanted, ids(chat.send("Sue", SHORT)));
    }
  }

  @Test
  void aReplyMustEndFirstAndMayBeCancelled() {
    try (Session session = engine.newSession()) {
      Chat chat = session.chat(template(PLAIN));
      Generation endless = chat.send("Tom", Sampling.greedy().maxTokens(0).ignoreEos(true));
      assertTrue(endless.hasNext());
      assertThrows(ConcurrentModificationException.class, () -> chat.send("Sue", SHORT));
      assertThrows(ConcurrentModificationException.class, chat::messages);
      endless.close();
      assertEquals(2, chat.messages().size());
      assertFalse(chat.messages().get(1).content().isEmpty());
      chat.send("Sue", SHORT).result();
      assertEquals(4, chat.messages().size());
      chat.reset();
      assertEquals(0, chat.messages().size());
      assertEquals(0, session.length());
    }
  }

  @Test
  void whatFailsLeavesTheConversationAsItWas() {
    ChatTemplate strict = template("{% if messages | length > 2 %}{{ raise_exception('enough') }}{% endif %}" + PLAIN);
    try (Session session = engine.newSession()) {
      Chat chat = session.chat(strict).system("Hi");
      assertThrows(IllegalStateException.class, () -> {
        chat.send("Tom", SHORT).result();
        chat.system("too late");
      });
      List<ChatMessage> before = chat.messages();
      assertThrows(ChatTemplateException.class, () -> chat.send("Sue", SHORT));
      assertEquals(before, chat.messages());
      chat.reset();
      assertEquals(List.of(ChatMessage.system("Hi")), chat.messages());
    }
  }

  @Test
  void aModelWithoutATemplateSaysSo() {
    assertTrue(model.chatTemplates().isEmpty());
    assertThrows(UnsupportedModelException.class, model::chatTemplate);
    assertEquals(Sampling.defaults(), model.sampling());
    try (Session session = engine.newSession()) {
      assertThrows(UnsupportedModelException.class, session::chat);
    }
  }
}
