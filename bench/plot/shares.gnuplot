# Bars of the share of the ceiling, one per record, coloured by dtype, as SVG.
#
#   clformer-bench run softmax --format csv --output softmax.csv
#   gnuplot -e "input='softmax.csv'; output='softmax.svg'" bench/plot/shares.gnuplot
#
# Needs gnuplot 5.2 or newer. A record without a share (a case that failed) gets no bar.

if (!exists("input")) input = "results.csv"
if (!exists("output")) output = "shares.svg"

set datafile separator comma
set datafile columnheaders
set terminal svg size 1000,420 font "sans-serif,12" background "white"
set output output

colour(dtype) = dtype eq "fp32" ? 0x1b6ca8 : dtype eq "fp16" ? 0xe07b39 : 0x4c9f70
label(name, dtype) = name . " " . dtype

set title sprintf("%s: share of the measured ceiling", input) noenhanced
set style fill solid 0.9 noborder
set boxwidth 0.8
set grid ytics linecolor rgb "#d0d0d0"
set yrange [0:*]
set ylabel "share of the ceiling"
set xtics rotate by -60 noenhanced
set key off
set arrow from graph 0, first 1 to graph 1, first 1 nohead dashtype 2 linecolor rgb "#808080"

plot input using 0:(column("ratio")):(colour(strcol("dtype"))):xtic(label(strcol("case"), strcol("dtype"))) \
     with boxes linecolor rgb variable
