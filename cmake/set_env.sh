# To be sourced, as CANN's: this folder becomes ASCEND_HOME_PATH. bash or zsh.
ASCEND_HOME_PATH=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && pwd)
LD_LIBRARY_PATH=$ASCEND_HOME_PATH/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export ASCEND_HOME_PATH LD_LIBRARY_PATH
