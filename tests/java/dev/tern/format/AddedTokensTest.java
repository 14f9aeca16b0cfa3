package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** How special tokens stand in text, and what is done to text before it is split. */
class AddedTokensTest {
  private static final int END = 258; // "<end>", a control token
  private static final int USER = 259; // "<user>", user-defined

  private static TinyModel model() {
    return TinyModel.llama().bpe("gpt-2", "a b", "ab c");
  }

  private static int[] encode(TinyModel model, String text) {
    return Tokenizer.from(model.file()).encode(text, false, true);
  }

  @Test
  void whiteSpaceBesideTokens() {
    assertArrayEquals(new int[] {'a', ' ', END, '\t', 'b'}, encode(model(), "a <end>\tb"));
    assertArrayEquals(new int[] {'a', END, '\t', 'b'}, encode(model().ints(AddedTokens.LSTRIP, END), "a <end>\tb"));
    assertArrayEquals(new int[] {'a', ' ', END, 'b'}, encode(model().ints(AddedTokens.RSTRIP, END), "a <end>\t \nb"));
    // White space that one token has taken is not there for the next.
    TinyModel both = model().ints(AddedTokens.RSTRIP, END).ints(AddedTokens.LSTRIP, USER);
    assertArrayEquals(new int[] {END, USER, 'b'}, encode(both, "<end>  <user>b"));
    assertArrayEquals(new int[] {END, USER}, encode(both, "<end>  <user>"));
    assertArrayEquals(new int[] {USER, END}, encode(both, "  <user><end>  "));
  }

  @Test
  void wordsThatStandAlone() {
    TinyModel alone = model().ints(AddedTokens.SINGLE_WORD, USER);
    assertArrayEquals(new int[] {USER}, encode(alone, "<user>"));
    assertArrayEquals(new int[] {'a', ' ', USER, '.'}, encode(alone, "a <user>."));
    for (String text : new String[] {"a<user>", "<user>b", "1<user>", "<user>_", "\u00e9<user>", "<user>\u4e2d"}) {
      assertTrue(java.util.Arrays.stream(encode(alone, text)).noneMatch(id -> id == USER), text);
    }
  }

  @Test
  void badIdsAreRefused() {
    for (String key : new String[] {AddedTokens.LSTRIP, AddedTokens.RSTRIP, AddedTokens.SINGLE_WORD, Vocabulary.EOG_IDS}) {
      assertThrows(ModelFormatException.class, () -> Tokenizer.from(model().ints(key, 260).file()), key);
      assertThrows(ModelFormatException.class, () -> Tokenizer.from(model().ints(key, -1).file()), key);
    }
  }

  @Test
  void moreTokensThanTwoMayEndAGeneration() {
    Tokenizer tokenizer = Tokenizer.from(model().uint32("tokenizer.ggml.eos_token_id", END).ints(Vocabulary.EOG_IDS, 'a', 'b').file());
    assertEquals(Set.of(END, (int) 'a', (int) 'b'), tokenizer.eogIds());
  }

  @Test
  void textOfQwenIsComposed() {
    String apart = "e\u0301 <user>\u1100\u1161";
    String composed = "\u00e9 <user>\uac00";
    TinyModel qwen = TinyModel.llama().bpe("qwen2", "a b", "ab c");
    assertArrayEquals(encode(qwen, composed), encode(qwen, apart));
    assertEquals(composed, Tokenizer.from(qwen.file()).decode(encode(qwen, apart)));
    assertEquals(apart, Tokenizer.from(model().file()).decode(encode(model(), apart)));
    TinyModel not = TinyModel.llama().bpe("qwen2", "a b", "ab c").string(BpeTokenizer.NORMALIZER, "none");
    assertEquals(apart, Tokenizer.from(not.file()).decode(encode(not, apart)));
    TinyModel other = model().string(BpeTokenizer.NORMALIZER, "nfkd");
    assertThrows(UnsupportedModelException.class, () -> Tokenizer.from(other.file()));
  }

  /** Unpaired surrogates, and more marks in a row than are put in order at once. */
  @Test
  void anyTextIsComposedInLinearTime() {
    assertEquals("a\ud800b", Composition.of("a\ud800b"));
    String marks = "a" + "\u0316\u0301".repeat(200_000);
    String composed = Composition.of(marks);
    assertTrue(composed.length() >= 399_000 && composed.length() <= marks.length());
    assertEquals("\u00e1\u0316", Composition.of("a\u0316\u0301"));
  }

  @Test
  void controlTokensCountWhereTheyMay() {
    Tokenizer tokenizer = Tokenizer.from(model().file());
    assertArrayEquals(new int[] {END, '<', 'e', 'n', 'd', '>'}, tokenizer.encode("<end><end>", false, at -> at < 5 ? 5 : at));
    assertArrayEquals(new int[] {'<', 'e', 'n', 'd', '>'}, tokenizer.encode("<end>", false, at -> at < 4 ? 4 : at));
    assertArrayEquals(new int[] {USER, END}, tokenizer.encode("<user><end>", false, at -> at < 6 ? at : 11));
  }

  @Test
  void onlyTheBeginningMayGetASpace() {
    TinyModel every = TinyModel.llama();
    TinyModel first = TinyModel.llama().bool(SpmTokenizer.FIRST_ONLY, true);
    assertArrayEquals(new int[] {259, 3 + 'a', 2, 259, 3 + 'b'}, encode(every, "a</s>b"));
    assertArrayEquals(new int[] {259, 3 + 'a', 2, 3 + 'b'}, encode(first, "a</s>b"));
    assertArrayEquals(new int[] {2, 3 + 'b'}, encode(first, "</s>b"));
  }
}
