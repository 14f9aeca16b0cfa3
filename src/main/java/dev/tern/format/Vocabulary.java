package dev.tern.format;

import dev.tern.ModelFormatException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;

/** The tokens of a GGUF file, their kinds and the special ones: what both tokenizers have in common. Immutable. */
final class Vocabulary {
  static final String PREFIX = "tokenizer.ggml.";
  /** Further ids that end a generation: Tern's own key, of models whose generation_config.json names several. */
  static final String EOG_IDS = "tern.eog_token_ids";

  static final int NORMAL = 1;
  static final int UNKNOWN = 2;
  static final int CONTROL = 3;
  static final int USER_DEFINED = 4;
  static final int UNUSED = 5;
  static final int BYTE = 6;

  /** Control tokens that end a turn or a text in models that name no such id in their metadata. */
  private static final Set<String> END_NAMES =
      Set.of("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<EOT>", "_<EOT>");

  final GgufMetadata metadata;
  final GgufStrings tokens;
  final int size; // with padding
  final int bosId;
  final int eosId;
  final int unknownId;
  final Set<Integer> eogIds;
  private final int[] types; // empty: all normal
  private final SpecialTokens userDefined;
  private final AddedTokens behaviour;
  private final SpecialTokens special; // those, control and unknown tokens

  /** Takes a fragment of plain text, or one special token. */
  interface Fragments {
    /** @param first whether the whole text begins with it */
    void text(String text, boolean first);

    void token(int id);
  }

  Vocabulary(ModelFile file, int defaultBos, int defaultEos, int defaultUnknown) {
    metadata = file.metadata();
    tokens = metadata.strings(PREFIX + "tokens");
    if (tokens.isEmpty()) {
      throw new ModelFormatException("the vocabulary is empty", metadata.offset(PREFIX + "tokens"));
    }
    TensorInfo embedding = file.tensor("token_embd.weight");
    long rows = embedding == null ? 0 : Math.min(embedding.rows(), Integer.MAX_VALUE - 8);
    size = (int) Math.max(tokens.size(), rows);
    types = types();
    bosId = specialId("bos_token_id", defaultBos);
    eosId = specialId("eos_token_id", defaultEos);
    unknownId = specialId("unknown_token_id", defaultUnknown);
    LinkedHashSet<Integer> ends = new LinkedHashSet<>();
    ends.add(eosId);
    ends.add(specialId("eot_token_id", -1));
    ends.add(specialId("eom_token_id", -1));
    for (int i = 0; i < types.length; i++) {
      if (types[i] == CONTROL && END_NAMES.contains(tokens.get(i))) {
        ends.add(i);
      }
    }
    if (metadata.has(EOG_IDS)) {
      for (int id : metadata.ints(EOG_IDS)) {
        ends.add(checkId(EOG_IDS, id));
      }
    }
    ends.remove(-1);
    eogIds = Collections.unmodifiableSet(ends);
    behaviour = new AddedTokens(metadata);
    userDefined = new SpecialTokens(tokens, ids(false));
    special = new SpecialTokens(tokens, ids(true));
  }

  private int[] types() {
    String key = PREFIX + "token_type";
    if (!metadata.has(key)) {
      return new int[0];
    }
    int[] values = metadata.ints(key);
    if (values.length != tokens.size()) {
      throw new ModelFormatException(
          "'" + key + "' has " + values.length + " elements for " + tokens.size() + " tokens", metadata.offset(key));
    }
    for (int i = 0; i < values.length; i++) {
      if (values[i] < NORMAL || values[i] > BYTE) {
        throw new ModelFormatException("token " + i + " has unknown type " + values[i], metadata.offset(key));
      }
    }
    return values;
  }

  private int specialId(String name, int fallback) {
    String key = PREFIX + name;
    if (!metadata.has(key)) {
      boolean fits = fallback >= 0 && fallback < tokens.size();
      return fits && (types.length == 0 || types[fallback] == CONTROL || types[fallback] == UNKNOWN) ? fallback : -1;
    }
    return checkId(key, metadata.longValue(key));
  }

  private int checkId(String key, long id) {
    if (id < 0 || id >= tokens.size()) {
      throw new ModelFormatException("'" + key + "' is " + id + ", and there are " + tokens.size() + " tokens", metadata.offset(key));
    }
    return (int) id;
  }

  int type(int id) {
    if (id < 0 || id >= size) {
      throw new IndexOutOfBoundsException("token id " + id + " is not in [0, " + size + ")");
    }
    return id >= tokens.size() ? UNUSED : types.length == 0 ? NORMAL : types[id];
  }

  boolean isPadding(int id) {
    return id >= tokens.size();
  }

  String text(int id) {
    return type(id) == UNUSED && isPadding(id) ? "[PAD" + id + "]" : tokens.get(id);
  }

  int find(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < tokens.size(); i++) {
      if (Arrays.equals(tokens.data(), tokens.begin(i), tokens.end(i), bytes, 0, bytes.length)) {
        return i;
      }
    }
    return -1;
  }

  /**
   * Cuts text at user-defined tokens, and at control tokens where they count: leftmost first, longest among those. No fragment is empty.
   * A token may ask to stand alone as a word, and to take the white space before or after it.
   */
  void split(String text, Tokenizer.Control control, Fragments out) {
    int from = 0;
    int controlEnd = 0;
    for (int i = 0; i < text.length() && !special.isEmpty(); ) {
      if (i >= controlEnd) {
        controlEnd = Math.min(text.length(), Math.max(i, control.end(i)));
      }
      int id = match(text, i, controlEnd);
      int end = id < 0 ? i + 1 : i + tokens.get(id).length();
      if (id < 0 || behaviour.singleWord(id) && !AddedTokens.standsAlone(text, i, end)) {
        i = end;
        continue;
      }
      int start = behaviour.takesLeft(id) ? AddedTokens.spaceBefore(text, from, i) : i;
      if (start > from) {
        out.text(text.substring(from, start), from == 0);
      }
      out.token(id);
      i = behaviour.takesRight(id) ? AddedTokens.spaceAfter(text, end) : end;
      from = i;
    }
    if (from < text.length()) {
      out.text(from == 0 ? text : text.substring(from), from == 0);
    }
  }

  private int match(String text, int at, int controlEnd) {
    int id = controlEnd > at ? special.match(text, at, controlEnd) : -1;
    if (controlEnd == text.length()) {
      return id;
    }
    int plain = userDefined.match(text, at, text.length());
    return id < 0 || plain >= 0 && tokens.get(plain).length() > tokens.get(id).length() ? plain : id;
  }

  private int[] ids(boolean withControl) {
    IntList ids = new IntList();
    for (int i = 0; i < types.length; i++) {
      if (types[i] == USER_DEFINED || withControl && (types[i] == CONTROL || types[i] == UNKNOWN)) {
        ids.add(i);
      }
    }
    return ids.toArray();
  }
}
