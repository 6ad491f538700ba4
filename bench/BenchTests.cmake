# Tests of the tool itself; label "bench". The operators' own tests are in tests/.
set(bench_test_folder "${CMAKE_CURRENT_BINARY_DIR}/test-output")
file(MAKE_DIRECTORY "${bench_test_folder}")

# bench_script(<name> <script> [NAME=value ...])
function(bench_script name script)
    set(definitions "")
    foreach(definition IN LISTS ARGN)
        list(APPEND definitions -D "${definition}")
    endforeach()
    add_test(NAME ${name} COMMAND "${CMAKE_COMMAND}" -D "BENCH=$<TARGET_FILE:clformer-bench>"
        -D "FOLDER=${bench_test_folder}" ${definitions}
        -P "${CMAKE_CURRENT_SOURCE_DIR}/tests/${script}.cmake")
    set_tests_properties(${name} PROPERTIES LABELS bench TIMEOUT 300
        ENVIRONMENT "CLFORMER_DEVICE=;CLFORMER_VARIANT=;CLFORMER_VERBOSE=")
endfunction()

# bench_expect(<name> <exit code> <regular expression> <argument>...)
function(bench_expect name exit match)
    string(REPLACE ";" "|" arguments "${ARGN}")
    bench_script(${name} ExpectExit "EXIT=${exit}" "MATCH=${match}" "ARGUMENTS=${arguments}")
endfunction()

bench_script(bench_help_fits_a_screen CheckHelpSize)
bench_script(bench_formats_softmax CheckFormats OPERATOR=softmax QUICK_CASES=3)
bench_script(bench_formats_softmax_grad CheckFormats OPERATOR=softmax_grad QUICK_CASES=3)
bench_script(bench_formats_attention CheckFormats OPERATOR=attention QUICK_CASES=4)
bench_script(bench_formats_attention_grad CheckFormats OPERATOR=attention_grad QUICK_CASES=4)
bench_script(bench_formats_ffn CheckFormats OPERATOR=ffn QUICK_CASES=8 WITHOUT_FP32=4)
bench_script(bench_formats_floyd CheckFormats OPERATOR=floyd QUICK_CASES=3)
bench_script(bench_formats_floyd_grad CheckFormats OPERATOR=floyd_grad QUICK_CASES=3)
bench_script(bench_compare CheckCompare)
bench_script(bench_problem_again_softmax CheckProblemAgain OPERATOR=softmax)
bench_script(bench_problem_again_attention CheckProblemAgain OPERATOR=attention)
bench_script(bench_problem_again_attention_grad CheckProblemAgain OPERATOR=attention_grad)
bench_script(bench_problem_again_ffn CheckProblemAgain OPERATOR=ffn)
bench_script(bench_problem_again_floyd CheckProblemAgain OPERATOR=floyd)
bench_script(bench_problem_again_floyd_grad CheckProblemAgain OPERATOR=floyd_grad)

bench_script(bench_tune CheckTune)

bench_expect(bench_version 0 "^clformer-bench [0-9]+[.][0-9]+[.][0-9]+ " --version)
bench_expect(bench_help_all 0 "--min-time.*Exit codes" --help-all)
bench_expect(bench_info 0 "Chosen: .*GB/s, read and written.*GFLOP/s" info)
bench_expect(bench_list 0 "seed +6 +8,16,512,512.*softmax_grad:" list)
bench_expect(bench_list_attention 0 "attention: .*seed +3d64 +8,16,512,2048,64 .*peer +openblas"
    list --suite seed)
bench_expect(bench_list_attention_grad 0
    "attention_grad: .*seed +causal128 +1,8,2048,2048,128 +mask causal .*seed +3d64 +8,16,512,2048,64 .*peer +torch"
    list --suite seed)
bench_expect(bench_list_ffn 0 "ffn: .*seed +moe-w4 +1954,2560,5120,2560 +mode weight-int4, E 16 .*peer +onednn"
    list --suite seed)
bench_expect(bench_list_floyd 0
    "floyd: .*seed +256d128 +1,1,256,256,256,128 +mask zeros .*peer +openblas-plain.*floyd_grad: .*seed +128d32-m +1,32,128,128,128,32 +mask b1n1k "
    list --suite seed)
bench_expect(bench_explain 0 "variant: .*ceiling: " explain softmax --case 6 --dtype fp16)
bench_expect(bench_recorded_tensors 0 "minilm .*[0-9]  ok\n +largest difference from PyTorch" run softmax --suite real
    --dtype fp32 --verify full --min-time 0)
bench_expect(bench_explain_attention 0 "variant: .*arithmetic: 8589[.]93 MFLOP.*ceiling: .* GFLOP/s"
    explain attention --case full64 --dtype fp32)
# Operations: 2 * 50 * (33 * 66 + 66 * 33). Bytes: 4 * (2 * 50 * 33 + 3 * 2 * 33 * 66 + 4 * (66 + 33)) + 4 * 8:
# one of the four experts has no tokens.
bench_expect(bench_explain_ffn 0 "variant: .*traffic: 0[.]067088 MB. arithmetic: 0[.]4356 MFLOP"
    explain ffn --suite quick --case moe --dtype fp32 --no-peaks)
# Operations: 8 and 20 for each of 2 * 16 * 32 * 48 * 32. Bytes: 4 * 2 * 32 * (2 * 16 * 32 + 2 * 16 * 48 + 2 * 48 * 32)
# and 2 * 4 * 2 * 16 * 32 * 8 of statistics; the gradient has each matrix four times.
bench_expect(bench_explain_floyd 0 "variant: .*traffic: 1[.]50733 MB. arithmetic: 12[.]5829 MFLOP"
    explain floyd --suite quick --case even --dtype fp32 --no-peaks)
bench_expect(bench_explain_floyd_grad 0 "variant: .*traffic: 2[.]9491[0-9] MB. arithmetic: 31[.]4573 MFLOP"
    explain floyd_grad --suite quick --case even --dtype fp32 --no-peaks)
# Visited pairs alone are counted: (256 * 257 / 2) * 4 heads * 256 operations.
bench_expect(bench_visited_pairs 0 "arithmetic: 33[.]6855 MFLOP" explain attention --case causal
    --suite quick --dtype fp32 --no-peaks)
# Operations: 2 * (3 * 40 + 2 * 24) for each of 2 * 3 * 97 * 83 pairs. Bytes: 4 * 2 * 2 * 3 * (97 + 83) * (40 + 24) of
# matrices, each there twice, 4 * 2 * 2 * 3 * 97 * 8 of statistics, 2 * 97 * 83 of the mask.
bench_expect(bench_explain_attention_grad 0 "variant: .*traffic: 0[.]60631 MB. arithmetic: 16[.]2308 MFLOP"
    explain attention_grad --suite quick --case ragged --dtype fp32 --no-peaks)
# 640 operations for each of (128 * 129 / 2) * 4 pairs.
bench_expect(bench_visited_grad_pairs 0 "arithmetic: 21[.]1354 MFLOP" explain attention_grad --case causal
    --suite quick --dtype fp32 --no-peaks)
bench_expect(bench_recorded_attention 0
    "minilm .*[0-9]  ok\n +largest difference from PyTorch" run attention --suite real --dtype fp32
    --verify full --min-time 0)
# The reason goes below the line, which then says no "ok".
bench_expect(bench_own_shape 0 "own +2,3,65 .*  ok" run softmax --shape 2,3,65 --mask 1,65
    --scale -2 --dtype bf16 --min-time 0)
bench_expect(bench_triangle 0 "triu .*  ok" run softmax_grad --shape 2,33,65 --mask triu
    --dtype fp16 --verify full --min-time 0)
bench_expect(bench_own_attention 0 "own +2,4,33,65,40 +band 7,3 .*  ok" run attention
    --shape 2,4,33,65,40 --kv-heads 2 --value-dim 24 --layout SBH --mask band --pre-tokens 7
    --next-tokens 3 --scale 0.2 --dtype bf16 --verify full --min-time 0)
bench_expect(bench_varlen 0 "own +1,2,5,9,32 +mode 7 all,-2 .*  ok" run attention
    --shape 1,2,5,9,32 --lengths 3,2:6 --sparse-mode 7 --next-tokens -2 --dtype fp16
    --verify full --min-time 0)
bench_expect(bench_prefix 0 "own .*prefix 5 .*  ok" run attention --shape 2,2,20,16 --mask prefix
    --prefix 5 --dtype fp32 --verify full --min-time 0)
bench_expect(bench_dropout 0 "own .*  ok" run attention --shape 2,2,20,16 --mask bnss
    --keep-prob 0.8 --pse bias --dtype fp16 --verify full --min-time 0)
bench_expect(bench_alibi 0 "own .*  ok" run attention --shape 2,2,20,16 --mask causal-top-left
    --pse alibi --dtype fp32 --verify full --min-time 0)
bench_expect(bench_own_attention_grad 0 "own +2,4,33,65,40 +band 7,3 .*  ok" run attention_grad
    --shape 2,4,33,65,40 --kv-heads 2 --value-dim 24 --layout SBH --mask band --pre-tokens 7
    --next-tokens 3 --scale 0.2 --dtype bf16 --verify full --min-time 0)
bench_expect(bench_grad_varlen 0 "own +1,2,5,9,32 +mode 7 all,-2 .*  ok" run attention_grad
    --shape 1,2,5,9,32 --lengths 3,2:6 --sparse-mode 7 --next-tokens -2 --dtype fp16
    --verify full --min-time 0)
bench_expect(bench_grad_prefix 0 "own .*prefix 5 .*  ok" run attention_grad --shape 2,2,20,16
    --mask prefix --prefix 5 --dtype fp32 --verify full --min-time 0)
bench_expect(bench_grad_dropout 0 "own .*  ok" run attention_grad --shape 2,2,20,16 --mask bnss
    --keep-prob 0.8 --pse bias --dtype fp16 --verify full --min-time 0)
bench_expect(bench_grad_alibi 0 "own .*  ok" run attention_grad --shape 2,2,20,16
    --mask causal-top-left --pse alibi --dtype fp32 --verify full --min-time 0)
# 32 groups of 8 rows of each of the four gradients.
bench_expect(bench_grad_sample 0 "\"rows_checked\":1024,.*\"ok\":true" run attention_grad
    --shape 2,3,150,140,32 --pse bias --dtype fp32 --min-time 0 --format json)
bench_expect(bench_ffn_portable 0 "own +17,24,10,24 +int8, E 2 +bf16 +portable .*[0-9]  ok" run ffn
    --shape 17,24,10 --mode int8 --expert-tokens 0,17 --bias none --dtype bf16 --variant portable
    --verify full --min-time 0)
bench_expect(bench_ffn_deq_scale 0 "own +3,20,8,12 +int8 +fp16 .*[0-9]  ok" run ffn
    --shape 3,20,8,12 --mode int8 --deq-scale fp32 --activation reglu --dtype fp16 --verify full
    --min-time 0)
bench_expect(bench_own_floyd 0 "own +2,2,9,20,33,24 +bhnmk +bf16 +portable +0[.]0 .*[0-9]  ok" run floyd
    --shape 2,2,9,20,33,24 --mask bhnmk --scale -0.3 --method fused --variant portable --dtype bf16
    --verify full --min-time 0)
bench_expect(bench_own_floyd_grad 0 "own +2,1,9,20,33,24 +zeros +fp16 +portable +0[.]0 .*[0-9]  ok" run
    floyd_grad --shape 2,1,9,20,33,24 --mask zeros --variant portable --dtype fp16 --verify full
    --min-time 0)
# A sample of some rows of four heads of seven.
bench_expect(bench_floyd_sample 0 "own +1,7,24,16,32,16 .*[0-9]  ok" run floyd_grad
    --shape 1,7,24,16,32,16 --mask b1n1k --dtype fp32 --min-time 0)
bench_expect(bench_floyd_limit 0 "own: .*workspace-limit=1,.*workspace: [0-9]+ .[0-9.]+ KiB" explain floyd
    --shape 1,8,32,32,32,32 --workspace-limit 1 --dtype fp32 --no-peaks)
# Few tokens: reading is the limit.
bench_expect(bench_ffn_reading 0 "reading, [0-9]+ thread.* GB/s .*own +1,256,512,256 .*[0-9]  ok" run
    ffn --shape 1,256,512 --dtype fp16 --min-time 0)
bench_expect(bench_ffn_without_fp32 0 "plain .*  ok\n.*case w4 is left out: it exists in fp16, bf16" run
    ffn --suite quick --case plain,w4 --dtype fp32 --min-time 0)
bench_expect(bench_overhead 0 "plan: .* ms cold.*enqueue: " run softmax --case square
    --dtype fp32 --measure overhead --min-time 0)
bench_expect(bench_unfused 0 "unfused: [0-9.]+ ms.*unfused: [0-9.]+ ms.*unfused: [0-9.]+ ms" run
    softmax --case ragged --peers unfused --min-time 0)
bench_expect(bench_unfused_grad 0 "unfused: [0-9.]+ ms.*unfused: .* ms.*unfused: .* ms" run
    softmax_grad --case ragged --peers unfused --min-time 0)
bench_expect(bench_torch_answers 0 "torch: ([0-9.]+ ms|left out)" run softmax --case ragged
    --dtype fp32 --peers torch --min-time 0)
bench_expect(bench_openblas_answers 0 "openblas: ([0-9.]+ ms|left out).*openblas: ([0-9.]+ ms|left)"
    run attention --suite quick --case ragged,varlen --dtype fp16 --peers openblas --min-time 0)
bench_expect(bench_openblas_ffn_answers 0 "moe .*openblas: ([0-9.]+ ms|left out: this).*w8-nk .*openblas: ([0-9.]+ ms|left out: this).*int8 .*openblas: ([0-9.]+ ms|left out: this).*w4 .*openblas: ([0-9.]+ ms|left out: this)"
    run ffn --suite quick --case moe,w8-nk,int8,w4 --dtype fp16 --peers openblas --min-time 0)
bench_expect(bench_onednn_answers 0 "swiglu .*onednn: ([0-9.]+ ms|left out: (this build|libdnnl)).*nk .*onednn: ([0-9.]+ ms|left out: (this build|libdnnl))"
    run ffn --suite quick --case swiglu,nk --dtype bf16 --peers onednn --min-time 0)
bench_expect(bench_onednn_int8_answers 0 "onednn: ([0-9.]+ ms|left out: (this build|libdnnl))" run ffn
    --shape 40,64,96 --mode int8 --dtype fp16 --peers onednn --min-time 0)
bench_expect(bench_torch_attention_answers 0 "torch: ([0-9.]+ ms|left out).*torch: ([0-9.]+ ms|left)"
    run attention --suite quick --case ragged,gqa --dtype fp32 --peers torch --min-time 0)
bench_expect(bench_torch_attention_grad_answers 0
    "causal .*torch: ([0-9.]+ ms|left out).*varlen .*torch: ([0-9.]+ ms|left out)" run attention_grad
    --suite quick --case causal,varlen --dtype fp32 --peers torch --min-time 0)
bench_expect(bench_openblas_floyd_answers 0
    "openblas: ([0-9.]+ ms|left out: this).*openblas-plain: ([0-9.]+ ms|left out: this).*openblas: ([0-9.]+ ms|left out: this).*openblas-plain: ([0-9.]+ ms|left out: this)"
    run floyd --suite quick --case odd,ragged --dtype fp16 --peers openblas,openblas-plain --min-time 0)
# With an odd number of heads the threads share n, and add up their parts.
bench_expect(bench_openblas_floyd_grad_answers 0
    "openblas: ([0-9.]+ ms|left out: this).*openblas-plain: ([0-9.]+ ms|left out: this)" run floyd_grad
    --shape 1,3,35,17,20,24 --mask b1n1k --dtype fp32 --peers openblas,openblas-plain --min-time 0)
bench_expect(bench_torch_floyd_answers 0 "torch: ([0-9.]+ ms|left out)" run floyd --case odd
    --suite quick --dtype fp32 --peers torch --min-time 0)
bench_expect(bench_torch_floyd_grad_answers 0 "torch: ([0-9.]+ ms|left out)" run floyd_grad --case odd
    --suite quick --dtype bf16 --peers torch --min-time 0)
bench_expect(bench_too_large 1 "FAILED.*cannot be reduced" run softmax --shape 1073741824,1024
    --dtype fp32)

# Bad usage names the option, the value and what is accepted.
bench_expect(bench_bad_command 2 "unknown command 'go'. accepted: info, list" go)
bench_expect(bench_no_command 2 "clformer-bench info")
bench_expect(bench_bad_option 2 "unknown or ambiguous option '--fast'" run softmax --fast)
bench_expect(bench_bad_letter 2 "unknown option '-Z'" run softmax -Z)
bench_expect(bench_no_operator 2 "needs an operator: softmax" run)
bench_expect(bench_bad_operator 2 "unknown operator 'sofmax'. accepted: softmax" run sofmax)
bench_expect(bench_bad_suite 2 "--suite: 'all'.*accepted: seed, quick" run softmax --suite all)
bench_expect(bench_grad_without_recorded 2 "--suite: 'real'.*accepted: seed, quick, extra, demo" run
    attention_grad --suite real)
bench_expect(bench_bad_case 2 "--case: '9'.*accepted: 1, 2" run softmax --case 9 --suite seed)
bench_expect(bench_bad_dtype 2 "--dtype: 'fp64'.*accepted: a list of" run softmax --dtype fp64)
bench_expect(bench_bad_variant 2 "--variant: 'gpu'.*accepted: auto" run softmax --variant gpu)
bench_expect(bench_bad_verify 2 "--verify: 'on'.*accepted: full" run softmax --verify on)
bench_expect(bench_bad_format 2 "--format: 'xml'.*accepted: console" run softmax --format xml)
bench_expect(bench_bad_peers 2 "--peers: 'numpy'.*accepted: all" run softmax --peers numpy)
bench_expect(bench_bad_shape 2 "--shape: '8,x'.*accepted: 1 to 8" run softmax --shape 8,x)
bench_expect(bench_bad_scale 2 "--scale: 'nan'.*accepted: a finite" run softmax --scale nan)
bench_expect(bench_bad_mask 2 "--mask: each size" run softmax --shape 8,8 --mask 3,8)
bench_expect(bench_bad_attention_shape 2 "--shape: '8,8'.*accepted: 4 positive sizes" run attention
    --shape 8,8)
bench_expect(bench_bad_heads 2 "--kv-heads: 3 does not divide" run attention --shape 1,8,16,64
    --kv-heads 3)
bench_expect(bench_bad_value_dim 2 "--value-dim: 65 is more than" run attention --shape 1,8,16,64
    --value-dim 65)
bench_expect(bench_bad_layout 2 "--layout: 'NTD'.*accepted: BNSD, BSND" run attention --layout NTD)
bench_expect(bench_missing_lengths 2 "--layout: TND needs --lengths" run attention --case full64
    --layout TND)
bench_expect(bench_bad_lengths 2 "--lengths: '3,x'.*accepted: 1 to" run attention --lengths 3,x)
bench_expect(bench_other_lengths 2 "--lengths: they sum up to Sq = 7" run attention
    --shape 1,8,16,64 --lengths 3,4)
bench_expect(bench_bad_attention_mask 2 "--mask: 'window'.*accepted: none, causal" run attention
    --mask window)
bench_expect(bench_bad_mode 2 "--sparse-mode: '9'.*accepted: 0 to 8" run attention --sparse-mode 9)
bench_expect(bench_mode_without_mask 2 "--sparse-mode: without a mask" run attention
    --shape 1,8,16,64 --mask none --sparse-mode 3)
bench_expect(bench_mode_and_mask 2 "--sparse-mode: mode 4 does not go with" run attention
    --shape 1,8,16,64 --mask dense --sparse-mode 4)
bench_expect(bench_bad_tokens 2 "--pre-tokens: 'some'.*accepted: a whole number" run attention
    --pre-tokens some)
bench_expect(bench_missing_prefix 2 "--prefix is missing" run attention --shape 1,8,16,64
    --mask prefix)
bench_expect(bench_bad_pse 2 "--pse: 'rope'.*accepted: none, bias" run attention --pse rope)
bench_expect(bench_bad_keep_prob 2 "--keep-prob: '0'.*accepted: above 0" run attention
    --keep-prob 0)
bench_expect(bench_bad_ffn_shape 2 "--shape: '8,8'.*accepted: 3 positive sizes" run ffn --shape 8,8)
bench_expect(bench_bad_mode_word 2 "--mode: 'int4'.*accepted: float, int8, weight-int8" run ffn
    --mode int4)
bench_expect(bench_bad_activation 2 "--activation: 'tanh'.*accepted: fastgelu, gelu" run ffn
    --activation tanh)
bench_expect(bench_odd_glu 2 "--shape: N1 is 7, which must be even" run ffn --shape 2,4,7
    --activation geglu)
bench_expect(bench_bad_experts 2 "--experts: '257'.*accepted: 1 to 256" run ffn --experts 257)
bench_expect(bench_bad_counts 2 "--expert-tokens: '3,x'.*accepted: 1 to 256" run ffn
    --expert-tokens 3,x)
bench_expect(bench_other_counts 2 "--expert-tokens: they sum up to 7. accepted: the 16" run ffn
    --shape 16,8,8 --expert-tokens 3,4)
bench_expect(bench_tokens_without_experts 2 "--tokens-from: there are no experts" run ffn
    --shape 16,8,8 --tokens-from device)
bench_expect(bench_bad_ffn_bias 2 "--bias: 'third'.*accepted: both, first" run ffn --bias third)
bench_expect(bench_scale_without_int8 2 "--scale-per: accepted with --mode int8 only" run ffn
    --shape 16,8,8 --scale-per column)
bench_expect(bench_bad_deq_scale 2 "--deq-scale: 'fp32' is not accepted with --scale-per column" run
    ffn --shape 16,8,8 --mode int8 --scale-per column --deq-scale fp32)
bench_expect(bench_bad_group_size 2 "--group-size: 3 does not divide K1 = 8" run ffn
    --shape 16,8,8 --mode weight-int4 --group-size 3)
bench_expect(bench_nk_with_int4 2 "--weight-layout: 'nk' is not accepted with --mode weight-int4" run
    ffn --shape 16,8,8 --mode weight-int4 --weight-layout nk)
bench_expect(bench_group_without_int4 2 "--group-size: accepted with --mode weight-int4 only" run
    ffn --shape 16,8,8 --group-size 4)
bench_expect(bench_no_such_dtype 2 "--dtype: none of the cases exists in it. accepted: fp16, bf16" run
    ffn --suite quick --case w8 --dtype fp32)
bench_expect(bench_bad_floyd_shape 2 "--shape: '8,8'.*accepted: 6 positive sizes" run floyd --shape 8,8)
bench_expect(bench_floyd_without_shape 2 "does not go with" run floyd --suite quick
    --shape 1,1,8,8,8,8)
bench_expect(bench_bad_floyd_mask 2 "--mask: 'full'.*accepted: none, zeros, b1n1k" run floyd_grad
    --mask full)
bench_expect(bench_bad_method 2 "--method: 'tiles'.*accepted: auto, fused, slab" run floyd
    --method tiles)
bench_expect(bench_bad_limit 2 "--workspace-limit: '0'.*accepted: 1 to 1048576" run floyd
    --workspace-limit 0)
bench_expect(bench_large_floyd 2 "--shape: B . H . N . M . K . D is more than 2.40" run floyd
    --shape 1,1024,1024,1024,1024,128)
bench_expect(bench_foreign_attribute 2 "--kv-heads is not an attribute of softmax" run softmax
    --kv-heads 2)
bench_expect(bench_shape_and_suite 2 "does not go with" run softmax --shape 8,8 --suite quick)
bench_expect(bench_bad_runs 2 "--runs: '0'.*accepted: 1 to 200" run softmax --runs 0)
bench_expect(bench_bad_budget 2 "--budget: '0'.*accepted: 1 to 86400" tune gemm --budget 0)
bench_expect(bench_bad_tuned 2 "'softmax' cannot be tuned. accepted: gemm" tune softmax)
bench_expect(bench_missing_tuned 2 "an argument is missing" tune)
bench_expect(bench_bad_tune_output 2 "--output: '/no/such/folder" tune gemm -o /no/such/folder/x)
bench_expect(bench_bad_tune_device 2 "no-such-device" tune gemm --device no-such-device)
bench_expect(bench_bad_device 2 "--device: .*no-such-device" run softmax --device no-such-device)
bench_expect(bench_bad_output 2 "--output: '/no/such/folder" run softmax -o /no/such/folder/x)
bench_expect(bench_foreign_option 2 "--suite is not an option of 'info'" info --suite seed)
bench_expect(bench_missing_value 2 "option '--case' needs a value" run softmax --case)
bench_expect(bench_missing_file 2 "an argument is missing" compare one)
bench_expect(bench_extra_argument 2 "'b' is one argument too many" list b)

# Statistics, parsing and data generation, by themselves.
find_package(PkgConfig REQUIRED)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
add_executable(bench_units tests/bench_units.c attention_visits.c data_source.c parse_values.c statistics.c terminal.c
    thread_team.c timing.c)
target_compile_definitions(bench_units PRIVATE _GNU_SOURCE)
target_include_directories(bench_units PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(bench_units PRIVATE
    clformer clformer_oracle clformer_warnings PkgConfig::CMOCKA Threads::Threads m)
add_test(NAME bench_units COMMAND bench_units)
set_tests_properties(bench_units PROPERTIES LABELS bench TIMEOUT 60)
