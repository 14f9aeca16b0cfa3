package dev.tern.jinja;

import dev.tern.ChatTemplateException;
import dev.tern.ChatTemplateException.Reason;
import dev.tern.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a template into words. White space goes as chat templates expect it (trim_blocks and lstrip_blocks): the line end after a
 * statement or comment, and the blanks before one that begins its line; a '-' inside a tag takes all white space there, a '+' none.
 */
final class Lexer {
  private static final int MAX_LENGTH = 1 << 20;
  private static final int MAX_NAME = 256; // looked up in every scope
  private static final String[] OPERATORS = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ","
  };

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;
  private int counted; // line is that of this place
  private boolean lineStarts = true; // what was read last ended a line

  private Lexer(String template) {
    String s = template.replace("\r\n", "\n").replace('\r', '\n');
    source = s.endsWith("\n") ? s.substring(0, s.length() - 1) : s;
  }

  static List<Token> read(String template) {
    if (template.length() > MAX_LENGTH) {
      throw Budget.exceeded("has " + template.length() + " characters, at most " + MAX_LENGTH + " are read");
    }
    return new Lexer(template).read();
  }

  private List<Token> read() {
    while (at < source.length()) {
      int tag = nextTag(at);
      if (tag < 0) {
        add(Kind.DATA, source.substring(at));
        break;
      }
      char kind = source.charAt(tag + 1);
      dataBefore(tag, kind != '{');
      at = tag + 2 + (isSign(tag + 2) ? 1 : 0);
      if (kind == '#') {
        comment(tag);
      } else if (kind == '%' && rawBegins()) {
        raw();
      } else {
        add(kind == '%' ? Kind.BLOCK : Kind.PRINT, source.substring(tag, tag + 2));
        inside(kind == '%' ? "%}" : "}}", kind == '%');
      }
    }
    add(Kind.END, "");
    return tokens;
  }

  private int nextTag(int from) {
    for (int i = source.indexOf('{', from); i >= 0 && i + 1 < source.length(); i = source.indexOf('{', i + 1)) {
      char c = source.charAt(i + 1);
      if (c == '{' || c == '%' || c == '#') {
        return i;
      }
    }
    return -1;
  }

  private boolean isSign(int i) {
    return i < source.length() && (source.charAt(i) == '-' || source.charAt(i) == '+');
  }

  /** Adds the text up to a tag, less the white space that the tag takes. */
  private void dataBefore(int tag, boolean takesIndent) {
    int end = tag;
    char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : 0;
    if (sign == '-') {
      while (end > at && Strings.isSpace(source.charAt(end - 1))) {
        end--;
      }
    } else if (sign != '+' && takesIndent) {
      int start = tag;
      while (start > at && source.charAt(start - 1) != '\n' && Strings.isSpace(source.charAt(start - 1))) {
        start--;
      }
      if (start > at ? source.charAt(start - 1) == '\n' : lineStarts) {
        end = start;
      }
    }
    if (end > at) {
      add(Kind.DATA, source.substring(at, end));
    }
  }

  private void comment(int tag) {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw error("a comment that does not end");
    }
    char sign = end > at ? source.charAt(end - 1) : 0;
    at = end + 2;
    afterClosing(sign, true);
  }

  /** Takes white space after the end of a tag, whose sign stood before it. */
  private void afterClosing(char sign, boolean takesLineEnd) {
    if (sign == '-') {
      skipSpace();
    } else if (takesLineEnd && sign != '+' && at < source.length() && source.charAt(at) == '\n') {
      at++;
    }
    lineStarts = source.charAt(at - 1) == '\n';
  }

  private void skipSpace() {
    while (at < source.length() && Strings.isSpace(source.charAt(at))) {
      at++;
    }
  }

  /** Whether {% raw %} begins here, after its opening; it is read then. */
  private boolean rawBegins() {
    int i = wordEnd(at, "raw");
    if (i < 0 || !source.startsWith("%}", i) && !source.startsWith("-%}", i)) {
      return false;
    }
    boolean strips = source.charAt(i) == '-';
    at = i + (strips ? 3 : 2);
    lineStarts = false;
    if (strips) {
      afterClosing('-', false);
    }
    return true;
  }

  /** The place after a word and the white space around it, or -1. */
  private int wordEnd(int from, String word) {
    int i = from;
    while (i < source.length() && Strings.isSpace(source.charAt(i))) {
      i++;
    }
    if (!source.startsWith(word, i)) {
      return -1;
    }
    i += word.length();
    while (i < source.length() && Strings.isSpace(source.charAt(i))) {
      i++;
    }
    return i;
  }

  private void raw() {
    for (int tag = source.indexOf("{%", at); tag >= 0; tag = source.indexOf("{%", tag + 1)) {
      int i = wordEnd(tag + 2 + (isSign(tag + 2) ? 1 : 0), "endraw");
      char sign = i >= 0 && isSign(i) ? source.charAt(i) : 0;
      if (i >= 0 && source.startsWith("%}", i + (sign == 0 ? 0 : 1))) {
        dataBefore(tag, true);
        at = i + (sign == 0 ? 2 : 3);
        afterClosing(sign, true);
        return;
      }
    }
    throw error("a raw block that does not end");
  }

  /** The words of a tag up to its end, which does not count within brackets. */
  private void inside(String close, boolean takesLineEnd) {
    StringBuilder open = new StringBuilder();
    while (true) {
      skipSpace();
      if (at >= source.length()) {
        throw error("a tag that does not end");
      }
      if (open.length() == 0) {
        char sign = isSign(at) && (takesLineEnd || source.charAt(at) == '-') ? source.charAt(at) : 0;
        if (source.startsWith(close, at + (sign == 0 ? 0 : 1))) {
          add(Kind.CLOSE, close);
          at += sign == 0 ? 2 : 3;
          afterClosing(sign, takesLineEnd);
          return;
        }
      }
      word(open);
    }
  }

  private void word(StringBuilder open) {
    char c = source.charAt(at);
    int start = at;
    if (c == '\'' || c == '"') {
      string(c);
    } else if (c >= '0' && c <= '9') {
      number();
    } else if (Character.isUnicodeIdentifierStart(source.codePointAt(at)) || c == '_') {
      while (at < source.length() && !Character.isIdentifierIgnorable(source.codePointAt(at))
          && Character.isUnicodeIdentifierPart(source.codePointAt(at))) {
        at += Character.charCount(source.codePointAt(at));
      }
      if (at - start > MAX_NAME) {
        throw Budget.exceeded("has a name of " + (at - start) + " characters, at most " + MAX_NAME + " are read");
      }
      add(Kind.NAME, source.substring(start, at));
    } else {
      operator(open);
    }
  }

  private void operator(StringBuilder open) {
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        if ("([{".contains(operator)) {
          open.append(operator.equals("(") ? ')' : operator.equals("[") ? ']' : '}');
        } else if (")]}".contains(operator)) {
          if (open.length() == 0 || open.charAt(open.length() - 1) != operator.charAt(0)) {
            throw error("'" + operator + "' where nothing is open for it");
          }
          open.setLength(open.length() - 1);
        }
        add(Kind.OPERATOR, operator);
        at += operator.length();
        return;
      }
    }
    throw error("the character '" + source.substring(at, source.offsetByCodePoints(at, 1)) + "'");
  }

  private void number() {
    int start = at;
    boolean afterDot = start > 0 && source.charAt(start - 1) == '.';
    digits();
    boolean real = false;
    if (!afterDot && at + 1 < source.length() && source.charAt(at) == '.' && isDigit(at + 1)) {
      at++;
      digits();
      real = true;
    }
    if (!afterDot && at < source.length() && (source.charAt(at) | 32) == 'e') {
      int exponent = at + 1 + (isSign(at + 1) ? 1 : 0);
      if (isDigit(exponent)) {
        at = exponent;
        digits();
        real = true;
      }
    }
    add(real ? Kind.FLOAT : Kind.INTEGER, source.substring(start, at).replace("_", ""));
  }

  private boolean isDigit(int i) {
    return i < source.length() && source.charAt(i) >= '0' && source.charAt(i) <= '9';
  }

  private void digits() {
    while (isDigit(at) || at < source.length() && source.charAt(at) == '_' && isDigit(at + 1)) {
      at++;
    }
  }

  private void string(char quote) {
    StringBuilder value = new StringBuilder();
    int start = at++;
    while (at < source.length() && source.charAt(at) != quote) {
      char c = source.charAt(at++);
      if (c == '\\' && at < source.length()) {
        escape(value);
      } else {
        value.append(c);
      }
    }
    if (at >= source.length()) {
      at = start;
      throw error("a string that does not end");
    }
    at++;
    add(Kind.STRING, value.toString());
  }

  /** What a backslash and the character here mean, as in Python; together they are text if they mean nothing. */
  private void escape(StringBuilder value) {
    char c = source.charAt(at++);
    int plain = "abfnrtv\\'\"".indexOf(c);
    if (plain >= 0) {
      value.append("\u0007\b\f\n\r\t\u000b\\'\"".charAt(plain));
    } else if (c == 'x' || c == 'u' || c == 'U') {
      int n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      int code = 0;
      for (int i = 0; i < n; i++) {
        int digit = at < source.length() && source.charAt(at) < 128 ? Character.digit(source.charAt(at++), 16) : -1;
        if (digit < 0 || code > Character.MAX_CODE_POINT >> 4) {
          throw error("an escape \\" + c + " that is no character");
        }
        code = code << 4 | digit;
      }
      if (!Character.isValidCodePoint(code)) {
        throw error("an escape \\" + c + " that is no character");
      }
      value.appendCodePoint(code);
    } else if (c >= '0' && c <= '7') {
      int code = c - '0';
      for (int i = 0; i < 2 && at < source.length() && source.charAt(at) >= '0' && source.charAt(at) <= '7'; i++) {
        code = code * 8 + source.charAt(at++) - '0';
      }
      value.append((char) code);
    } else if (c != '\n') {
      value.append('\\').append(c);
    }
  }

  private void add(Kind kind, String text) {
    countLines();
    tokens.add(new Token(kind, text, line));
  }

  private void countLines() {
    for (; counted < Math.min(at, source.length()); counted++) {
      if (source.charAt(counted) == '\n') {
        line++;
      }
    }
  }

  private ChatTemplateException error(String found) {
    countLines();
    return new ChatTemplateException(Reason.SYNTAX, "the chat template has " + found + ", line " + line);
  }
}
