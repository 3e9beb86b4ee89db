#!/usr/bin/env bash
# The report of a run: one file of HTML that runs nothing, whatever is in it.
. "$(dirname "$0")/lib.sh"
t_world
cd "$(t_repository "a <b> & 'c'")" || exit 1
cadre init -q
is "$(cadre log --html empty.html)" empty.html "of a run in which nothing happened"
like "$(cat empty.html)" "*Nobody has claimed a task*no tasks*Nothing is known*" "it says so"

evil="<script>x</script> & \"q\" 'x' </title></svg> 漢字"
cadre task add -q "$evil"
cadre task add -q -d 1 after
cadre task add -q epic
cadre task add -q --parent 3 child
cadre claim -q 1
cadre task done -q --no-merge 1
cadre claim -q 4
cadre task fail -q 4 --why "$evil"
cadre claim -q 2
code 0 "a report" cadre log --html run.html
code 0 "over the last one" cadre log --html run.html
is "$(stat -c %a run.html)" "$(printf '%o' $((0666 & ~$(umask))))" "a file as others"
cat >"$t_dir/look" <<'END'
import html.parser, re, sys, xml.dom.minidom

class Page(html.parser.HTMLParser):
    tags, attributes, text = set(), set(), ""

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_data(self, data):
        self.text += data

page, source = Page(), open(sys.argv[1]).read()
page.feed(source)
pictures = [xml.dom.minidom.parseString(found) for found in re.findall(r"<svg.*?</svg>", source, re.S)]
print(len(pictures), sum(len(picture.getElementsByTagName("rect")) for picture in pictures))
print(*sorted(page.tags & {"script", "iframe", "img", "link", "object", "a"}), *sorted(name for name in page.attributes if name.startswith("on") or name in ("href", "src")))
print(sys.argv[2] in page.text, "default-src 'none'" in source)
END
is "$(python3 "$t_dir/look" run.html "$evil")" "2 7

True True" "two pictures, a bar for each claim and a box for each task; what others wrote is text, nothing is loaded or run"
check_same "to standard output" 'cadre log --html - | sed -n "/what they wait for/,\$ p"' 'sed -n "/what they wait for/,\$ p" run.html'
code 64 "not of one agent" cadre log --html x.html --agent bob
code 75 "not where nothing can be written" cadre log --html /nonexistent/x.html
like "$(cat "$t_dir/err")" "*/nonexistent/x.html*" "says where"
t_end
