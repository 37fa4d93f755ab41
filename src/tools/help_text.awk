# SPDX-License-Identifier: Apache-2.0
# The entries of postern.conf(5) and postern(8) as plain text, for "postern
# help": each item of the outermost lists of KEYS and of DESCRIPTION, filled to
# lines of 76 columns, as rows of C.  It knows as much of mdoc as the two pages
# use.
BEGIN {
	split("Ic Cm Ar Pa Dv Ev Nm Li Sy Em Fl Xr Sx No Ql Dq Qq Pq Op Po Pc Ns", names, " ")
	for (i in names)
		is_macro[names[i]] = 1
	quote["Ql"] = "'"
	quote["Sx"] = "\""
	opens["Dq"] = "\""; shuts["Dq"] = "\""
	opens["Qq"] = "\""; shuts["Qq"] = "\""
	opens["Pq"] = "("; shuts["Pq"] = ")"
	opens["Op"] = "["; shuts["Op"] = "]"
}

FNR == 1 {
	page = FILENAME
	sub(/.*\//, "", page)
	program = page
	sub(/\..*/, "", program)
	depth = is_in = 0
}

# The words of a line; "of several" is one.
function cut(line,   n, w) {
	n = 0
	while (line != "") {
		sub(/^ +/, "", line)
		if (line == "")
			break
		if (substr(line, 1, 1) == "\"") {
			w = substr(line, 2)
			sub(/".*/, "", w)
			line = substr(line, length(w) + 3)
		} else {
			w = line
			sub(/ .*/, "", w)
			line = substr(line, length(w) + 1)
		}
		word[++n] = w
	}
	return n
}

function plain(s) {
	gsub(/\\\(dq/, "\"", s)
	gsub(/\\\(aq/, "'", s)
	gsub(/\\\(en/, "-", s)
	gsub(/\\-/, "-", s)
	gsub(/\\&/, "", s)
	gsub(/\\e/, "\\", s)
	return s
}

# What a line of macros says.
function inline(line,   n, i, w, macro, out, end, tail, close_up, nth, shut) {
	n = cut(line)
	tail = end = out = macro = shut = ""
	while (n > 1 && word[n] ~ /^[.,:;)?!]$/)
		tail = word[n--] tail
	close_up = 1
	for (i = 1; i <= n; i++) {
		w = word[i]
		if (w in is_macro) {
			out = out shut
			shut = ""
			macro = w
			nth = 0
			if (w == "Ns")
				close_up = 1
			if (w == "Pc")
				out = out ")"
			if (w == "Po" || w in opens) {
				out = out (close_up ? "" : " ") (w == "Po" ? "(" : opens[w])
				end = (w == "Po" ? "" : shuts[w]) end
				close_up = 1
			}
			if (w == "Nm" && (i == n || word[i + 1] in is_macro)) {
				out = out (close_up ? "" : " ") program
				close_up = 0
			}
			if (w == "Fl" && i == n)
				out = out (close_up ? "" : " ") "-"
			continue
		}
		nth++
		if (w ~ /^[.,:;)?!]$/) {
			out = out shut w
			shut = ""
			close_up = 0
			continue
		}
		w = plain(w)
		if (macro in quote && shut == "") {
			shut = quote[macro]
			w = shut w
		}
		if (macro == "Fl" && w != "|")
			w = "-" w
		if (macro == "Xr" && nth == 2) {
			w = "(" w ")"
			close_up = 1
		}
		out = out (close_up ? "" : " ") w
		close_up = 0
	}
	return out shut end tail
}

function put(line) {
	gsub(/\\/, "\\\\", line)
	gsub(/"/, "\\\"", line)
	lines[++nlines] = line
	nrows++
}

function flush(   n, w, i, at, indent) {
	n = split(pending, w, " ")
	pending = ""
	if (n == 0)
		return
	if (want_blank && nrows > 0)
		put("")
	want_blank = 0
	indent = margin()
	at = indent
	for (i = 1; i <= n; i++) {
		if (at != indent && length(at) + 1 + length(w[i]) > 76) {
			put(at)
			at = indent
		}
		at = at (at == indent ? "" : " ") w[i]
	}
	put(at)
}

function margin(   i, s) {
	s = ""
	for (i = 1; i < depth; i++)
		s = s "    "
	return s
}

function add(text) {
	pending = pending (pending == "" || glued ? "" : " ") text
	glued = 0
}

function end_entry() {
	flush()
	if (name != "")
		rows[++nentries] = sprintf("\t{ \"%s\", \"%s\", %d, %d },", page, name, first, nrows)
	name = ""
}

function begin_entry(line,   n) {
	end_entry()
	n = cut(line)
	if (n < 2)
		return
	name = word[2]
	if (line ~ /^Fl /)
		name = ""
	first = nlines
	nrows = 0
	want_blank = 0
	skip = page ~ /\.5$/ # the first line is what the table says
	if (n > 2)
		put(inline(line))
}

/^\.Sh / {
	end_entry()
	is_in = $2 == "KEYS" || (page ~ /\.8$/ && $2 == "DESCRIPTION")
	depth = 0
	next
}
!is_in { next }
/^\.Bl/ {
	flush()
	depth++
	compact[depth] = / -compact/
	next
}
/^\.El/ {
	if (depth == 1)
		end_entry()
	else
		flush()
	depth--
	want_blank = depth > 0
	next
}
depth == 0 { next }
/^\.It/ && depth == 1 { begin_entry(substr($0, 5)); next }
name == "" { next }
/^\.It/ {
	flush()
	want_blank = !compact[depth] || want_blank
	depth--
	add(inline(substr($0, 5)))
	flush()
	depth++
	next
}
skip { skip = 0; next }
/^\.Pp/ { flush(); want_blank = 1; next }
/^\.D[l1] / { flush(); put(margin() "    " inline(substr($0, 5))); next }
/^\.Bd/ { flush(); literal = 1; put(""); next }
/^\.Ed/ { literal = 0; want_blank = 1; next }
literal { put(margin() "    " plain($0)); next }
/^\./ {
	if ($0 ~ /^\.Pc/) {
		pending = pending ")" substr($0, 5)
		next
	}
	add(inline(substr($0, 2)))
	glued = /^\.Po/
	next
}
{ add(plain($0)) }

END {
	end_entry()
	print "static const char *const all_lines[] = {"
	for (i = 1; i <= nlines; i++)
		print "\t\"" lines[i] "\","
	print "};"
	print "static const struct help_text all[] = {"
	for (i = 1; i <= nentries; i++)
		print rows[i]
	print "};"
}
