@echo off
rem One script from nothing to a believable table: starts a Kafka with a REST Proxy in Docker, runs krush's
rem presets against it. The same commands as kafka-test.sh has for Docker; `kafka-test.bat help` lists them.
rem
rem What the user typed is never expanded where cmd would read it as commands: it is kept in variables that
rem are set without quotes around them (kt_rest, kt_flags), and CALL, which would take a percent sign away, gets
rem fixed words only. Delayed expansion stays off, since it would take exclamation marks away.
setlocal EnableExtensions DisableDelayedExpansion

rem ---- What was typed.
set "kt_command=%~1"
set kt_args=%*
set "kt_rest="
if not defined kt_args goto usage
for /f "tokens=1* delims= " %%A in ('set kt_args') do set kt_rest=%%B
if defined kt_command set "kt_command=%kt_command:"=%"
if not defined kt_command goto usage
if /i "%kt_command%"=="help" goto usage
if /i "%kt_command%"=="-h" goto usage
if /i "%kt_command%"=="--help" goto usage
if "%kt_command%"=="/?" goto usage

rem ---- All paths are below the folder of this file, wherever it is called from.
if defined KRUSH set "KRUSH=%KRUSH:"=%"
if defined KRUSH for %%I in ("%KRUSH%") do set "KRUSH=%%~fI"
cd /d "%~dp0" 2>nul
if not exist "docker-compose.yml" (
    >&2 echo kafka-test.bat: its folder cannot be entered; a network folder needs a drive letter ^(net use^)
    exit /b 2
)

set "kt_local="
set "kt_cluster="
set "kt_profile="
set "kt_wait="
set "kt_bad="
if /i "%kt_command%"=="start" goto start_like
if /i "%kt_command%"=="restart" goto start_like
if /i "%kt_command%"=="quick-start" goto start_like
for %%C in (stop status topics monitor logs clean test-all performance-test) do (
    if /i "%kt_command%"=="%%C" goto settled_command
)
for %%C in (test-basic test-optimized test-extreme test-64kb) do (
    if /i "%kt_command%"=="%%C" goto settled_command
)
>&2 echo kafka-test.bat: unknown command "%kt_command%" (kafka-test.bat help lists them)
exit /b 2

:start_like
call :take_stack_options
if not "%errorlevel%"=="0" exit /b 2
if not defined kt_local goto settled_command
>&2 echo kafka-test.bat: --local, the stack without Docker, needs bash: run ./kafka-test.sh in WSL
exit /b 2

:settled_command
call :settle
if not "%errorlevel%"=="0" exit /b 2
if /i "%kt_command%"=="start" goto command_start
if /i "%kt_command%"=="restart" goto command_restart
if /i "%kt_command%"=="quick-start" goto command_quick_start
if /i "%kt_command%"=="stop" goto command_stop
if /i "%kt_command%"=="status" goto command_status
if /i "%kt_command%"=="topics" goto command_topics
if /i "%kt_command%"=="monitor" goto command_monitor
if /i "%kt_command%"=="logs" goto command_logs
if /i "%kt_command%"=="clean" goto command_clean
if /i "%kt_command%"=="test-all" goto command_test_all
if /i "%kt_command%"=="performance-test" goto command_performance_test
goto command_test

rem ==== Commands. Each ends the script with its exit code.

:usage
echo kafka-test.bat: a Kafka to load-test, and krush to load it with
echo.
echo   kafka-test quick-start                start everything, check it, measure 30 s of sustained load
echo.
echo the stack (Docker Desktop)
echo   start [STACK OPTIONS]                 start and wait until every service is healthy
echo   stop                                  stop it; the data stays
echo   restart [STACK OPTIONS]               stop, start
echo   status                                services, ports, health, topics, versions
echo   topics                                topics with partitions and records
echo   monitor [TOPIC ..] [--samples N]      records a second per topic, from end offsets read each second
echo   logs [-f] [SERVICE]                   the last 100 lines, or follow
echo   clean [--yes] [--all]                 stop and delete all data; --all: krush's image too
echo.
echo tests (anything after the command goes to krush: kafka-test test-extreme --concurrency 200)
echo   test-basic                            1,000 small records
echo   test-optimized                        50,000 small records in batches of 1,000
echo   test-extreme                          100,000 small records in batches of 1,000
echo   test-64kb                             1,000 records of 64 KiB
echo   test-all                              these four, going on after a failure; one table, the highest exit code
echo   performance-test                      optimized and extreme with --gate; where a burst is too near a
echo                                         reference to tell (exit code 12), add --duration 30s
echo   quick-start [STACK OPTIONS]           start, basic, then extreme with 8 connections, batches of 100, 15 s of
echo                                         warm-up and 30 s of load
echo   help                                  this text
echo.
echo STACK OPTIONS
echo   --docker                              what this script always does; --local needs bash: use WSL
echo   --profile NAME                        settings of docker\profiles: throughput (default), poc, low-latency,
echo                                         durable
echo   --cluster                             three brokers, two REST Proxies behind HAProxy
echo   --wait SECONDS                        how long to wait until all is healthy (default 180)
echo.
echo Settings such as ports are in .env (see .env.example). krush's exit code is passed on: 0 pass, 2 usage,
echo 10 threshold missed, 11 regression, 12 inconclusive, 13 void run, 14 data integrity, 15 target unreachable
echo or a service not healthy, 130 interrupted.
echo Quote what has a ^< or ^> in it, with a space: --fail-on "p99 > 1s". krush extreme --help lists its flags.
exit /b 0

:command_start
call :no_more_arguments
if not "%errorlevel%"=="0" exit /b 2
call :start
exit /b %errorlevel%

:command_restart
call :no_more_arguments
if not "%errorlevel%"=="0" exit /b 2
if not defined kt_mode call :not_started
if not defined kt_mode exit /b 2
call :need_docker
if not "%errorlevel%"=="0" exit /b 2
if not defined kt_cluster set "kt_cluster=%kt_stored_cluster%"
%kt_all% stop 1>&2
call :start
exit /b %errorlevel%

:command_quick_start
call :start
if not "%errorlevel%"=="0" exit /b %errorlevel%
call :aim
>&2 echo.
>&2 echo == basic, to see that records are stored
set "kt_preset=basic"
set "kt_flags=--quiet"
call :run_preset
if not "%errorlevel%"=="0" exit /b %errorlevel%
rem As flags would be: the user's own come after them, and an environment that says otherwise stays.
if not defined KRUSH_CONCURRENCY set "KRUSH_CONCURRENCY=8"
if not defined KRUSH_BATCH_SIZE set "KRUSH_BATCH_SIZE=100"
if not defined KRUSH_WARMUP set "KRUSH_WARMUP=15s"
if not defined KRUSH_DURATION set "KRUSH_DURATION=30s"
>&2 echo.
>&2 echo == extreme, sustained: what this stack can do
set "kt_preset=extreme"
set kt_flags=%kt_rest%
call :run_preset
set "kt_code=%errorlevel%"
>&2 echo.
>&2 echo measured: %kt_server_name%
>&2 echo next: kafka-test test-all, monitor, status, stop, clean
exit /b %kt_code%

:command_stop
call :no_more_arguments
if not "%errorlevel%"=="0" exit /b 2
if not defined kt_mode goto nothing_to_do
call :need_docker
if not "%errorlevel%"=="0" exit /b 2
%kt_all% stop 1>&2
if not "%errorlevel%"=="0" exit /b %errorlevel%
>&2 echo stopped; the data stays (kafka-test.bat clean deletes it)
exit /b 0

:nothing_to_do
call :not_started
exit /b 0

:command_status
call :no_more_arguments
if not "%errorlevel%"=="0" exit /b 2
if not defined kt_mode call :not_started
if not defined kt_mode exit /b 15
call :need_docker
if not "%errorlevel%"=="0" exit /b 2
echo stack: %kt_server_name%, profile %STACK_PROFILE%
echo url:   %kt_stack_url%
echo.
call :poll
echo SERVICE          STATE      IMAGE
set "kt_code=0"
for %%S in (%kt_services%) do call :show_service %%S
if defined kt_stored_cluster echo ports: REST %STACK_CLUSTER_REST_PORT%, HAProxy statistics %STACK_CLUSTER_STATS_PORT%
if defined kt_stored_cluster goto status_topics
echo ports: REST %STACK_REST_PORT%, Kafka %STACK_BROKER_PORT%, Schema Registry %STACK_REGISTRY_PORT%, Kafka UI %STACK_UI_PORT%
:status_topics
echo.
call :topics 2>nul
if not "%errorlevel%"=="0" echo topics: the server does not answer
echo.
for /f "delims=" %%V in ('%kt_docker% version --format "{{.Server.Version}}" 2^>nul') do echo Docker %%V
%kt_compose% version 2>nul
call :find_runner
if "%errorlevel%"=="0" echo krush: %kt_runner_words%
exit /b %kt_code%

:command_topics
call :no_more_arguments
if not "%errorlevel%"=="0" exit /b 2
if not defined kt_mode call :not_started
if not defined kt_mode exit /b 15
call :topics
exit /b %errorlevel%

:command_monitor
set "kt_names="
set "kt_samples="
:monitor_options
if not defined kt_rest goto monitor_named
set "kt_word="
for /f "tokens=2,3 delims== " %%A in ('set kt_rest') do (
    set "kt_word=%%A"
    set "kt_value=%%B"
)
if not "%kt_word%"=="--samples" goto monitor_topic
call :is_number "%kt_value%"
if not "%errorlevel%"=="0" (
    >&2 echo kafka-test.bat: --samples wants a number from 1
    exit /b 2
)
set "kt_samples=%kt_value%"
call :drop_word 2
goto monitor_options
:monitor_topic
if "%kt_word:~0,1%"=="-" (
    >&2 echo kafka-test.bat: monitor: unknown option "%kt_word%" ^(see kafka-test.bat help^)
    exit /b 2
)
set "kt_names=%kt_names% %kt_word%"
call :drop_word 1
goto monitor_options
:monitor_named
if not defined kt_mode call :not_started
if not defined kt_mode exit /b 15
call :need_curl
if not "%errorlevel%"=="0" exit /b 2
if not defined kt_names call :topic_names
if not defined kt_names (
    >&2 echo kafka-test.bat: %kt_stack_url% does not answer: kafka-test.bat status
    exit /b 15
)
>&2 echo end offsets of %kt_server_name%, %kt_stack_url%; Ctrl-C ends it
echo TIME      TOPIC                               RECORDS/S      END OFFSETS
set "kt_seen="
set /a "kt_number=0, kt_now=0"
call :clock
:monitor_sample
set "kt_before=%kt_now%"
call :clock
call :elapsed %kt_before%
set /a "kt_tenths=kt_elapsed/10"
if %kt_tenths% lss 1 set "kt_tenths=1"
set "kt_index=0"
set "kt_code=0"
for %%T in (%kt_names%) do call :monitor_line %%T
if not "%kt_code%"=="0" exit /b %kt_code%
if not defined kt_seen goto monitor_next
if not defined kt_samples goto monitor_next
set /a "kt_number+=1"
if %kt_number% geq %kt_samples% exit /b 0
:monitor_next
set "kt_seen=1"
call :sleep
goto monitor_sample

:command_logs
if not defined kt_mode call :not_started
if not defined kt_mode exit /b 2
call :need_docker
if not "%errorlevel%"=="0" exit /b 2
%kt_all% logs --tail=100 %kt_rest%
exit /b %errorlevel%

:command_clean
set "kt_yes="
set "kt_delete_all="
:clean_options
if not defined kt_rest goto clean_asked_for
set "kt_found="
for /f "tokens=2 delims== " %%A in ('set kt_rest') do (
    if "%%A"=="--yes" set "kt_found=yes"
    if "%%A"=="-y" set "kt_found=yes"
    if "%%A"=="--all" set "kt_found=all"
)
if not defined kt_found goto clean_unknown
if "%kt_found%"=="yes" set "kt_yes=1"
if "%kt_found%"=="all" set "kt_delete_all=1"
call :drop_word 1
goto clean_options
:clean_unknown
call :no_more_arguments
exit /b 2
:clean_asked_for
if not defined kt_mode goto nothing_to_do
if defined kt_yes goto clean_now
set "kt_answer="
set /p "kt_answer=Delete all topics and records of the stack? [y/N] " 1>&2
if defined kt_answer set "kt_answer=%kt_answer:"=%"
if /i "%kt_answer%"=="y" goto clean_now
if /i "%kt_answer%"=="yes" goto clean_now
>&2 echo nothing was deleted
exit /b 0
:clean_now
call :need_docker
if not "%errorlevel%"=="0" exit /b 2
%kt_all% down -v --remove-orphans 1>&2
if not "%errorlevel%"=="0" exit /b %errorlevel%
if not defined kt_delete_all goto cleaned
%kt_docker% image inspect "%KRUSH_IMAGE%" >nul 2>&1
if "%errorlevel%"=="0" %kt_docker% image rm "%KRUSH_IMAGE%" 1>&2
:cleaned
del /q ".stack\state" ".stack\offsets.txt" >nul 2>&1
>&2 echo cleaned
exit /b 0

:command_test
call :aim
set "kt_preset=%kt_command:~5%"
set kt_flags=%kt_rest%
call :run_preset
exit /b %errorlevel%

:command_test_all
call :aim
set "kt_presets=basic optimized extreme 64kb"
set "kt_gate="
goto run_presets

:command_performance_test
call :aim
set "kt_presets=optimized extreme"
set "kt_gate=--gate "
goto run_presets

rem One after the other, going on after a failure; a table, and the highest exit code.
:run_presets
set /a "kt_worst=0, kt_row=0"
set "kt_stop="
set "kt_bounded="
set "kt_server="
set "kt_stamp=%RANDOM%%RANDOM%"
if not exist "results" mkdir "results"
for %%P in (%kt_presets%) do call :run_one %%P
echo.
if not defined kt_server set "kt_server=not known"
for /f "tokens=1* delims==" %%A in ('set kt_server') do if "%%A"=="kt_server" echo server: %%B
echo TEST       EXIT       RECORDS/S          P95    SUCCESS  VERDICT                            REPORT
for /f "tokens=1* delims==" %%A in ('set kt_line_') do echo %%B
if defined kt_bounded echo a P95 with a +: at least this, since requests without an answer lie there
exit /b %kt_worst%

rem ==== Arguments and settings.

rem Takes the stack options off the front of kt_rest.
:take_stack_options
if not defined kt_rest exit /b 0
set "kt_found="
set "kt_value="
for /f "tokens=2,3 delims== " %%A in ('set kt_rest') do (
    if "%%A"=="--docker" set "kt_found=docker"
    if "%%A"=="--local" set "kt_found=local"
    if "%%A"=="--cluster" set "kt_found=cluster"
    if "%%A"=="--profile" set "kt_found=profile"
    if "%%A"=="--wait" set "kt_found=wait"
    set kt_value=%%B
)
if not defined kt_found exit /b 0
if defined kt_value set "kt_value=%kt_value:"=%"
if "%kt_found%"=="local" set "kt_local=1"
if "%kt_found%"=="cluster" set "kt_cluster=1"
if "%kt_found%"=="profile" goto option_with_value
if "%kt_found%"=="wait" goto option_with_value
call :drop_word 1
goto take_stack_options
:option_with_value
if not defined kt_value (
    >&2 echo kafka-test.bat: --%kt_found% wants a value
    exit /b 2
)
set "kt_%kt_found%=%kt_value%"
call :drop_word 2
goto take_stack_options

rem Takes 1 or 2 words off the front of kt_rest; what stays is as it was typed.
:drop_word
set kt_whole=%kt_rest%
set "kt_rest="
if "%~1"=="1" for /f "tokens=2* delims== " %%A in ('set kt_whole') do set kt_rest=%%B
if "%~1"=="2" for /f "tokens=3* delims== " %%A in ('set kt_whole') do set kt_rest=%%B
exit /b 0

:no_more_arguments
if not defined kt_rest exit /b 0
set "kt_word="
for /f "tokens=1 delims= " %%A in ('set kt_rest') do set kt_word=%%A
set "kt_word=%kt_word:"=%"
>&2 echo kafka-test.bat: %kt_command%: unknown option "%kt_word:~8%" (see kafka-test.bat help)
exit /b 2

rem Everything that can be set: options, then the environment, then .env, then the tuning profile, then defaults. A
rem start chooses the profile anew; the other commands are about the stack as it was started.
:settle
set "kt_mode="
set "kt_stored_profile="
set "kt_stored_cluster="
if exist ".stack\state" for /f "usebackq tokens=1* delims==" %%A in (".stack\state") do (
    if "%%A"=="mode" set "kt_mode=%%B"
    if "%%A"=="profile" set "kt_stored_profile=%%B"
    if "%%A"=="cluster" if "%%B"=="1" set "kt_stored_cluster=1"
)
if not "%kt_mode%"=="local" goto settle_options
rem What was started in WSL can be tested from here, at the same address, but no more.
if /i "%kt_command:~0,5%"=="test-" goto settle_options
if /i "%kt_command%"=="performance-test" goto settle_options
>&2 echo kafka-test.bat: the stack of --local was started here: ./kafka-test.sh in WSL stops and cleans it
exit /b 2
:settle_options
if defined kt_profile set "STACK_PROFILE=%kt_profile%"
if defined kt_wait set "STACK_START_TIMEOUT=%kt_wait%"
if /i "%kt_command%"=="start" goto settle_files
if /i "%kt_command%"=="quick-start" goto settle_files
if not defined STACK_PROFILE set "STACK_PROFILE=%kt_stored_profile%"
:settle_files
if exist ".env" call :load_settings ".env"
if defined kt_bad (
    >&2 echo kafka-test.bat: .env: expected NAME=VALUE or a comment, not: export
    exit /b 2
)
if not defined STACK_PROFILE set "STACK_PROFILE=throughput"
set "kt_file="
for /f "tokens=1* delims=/\:*?" %%A in ("%STACK_PROFILE%.") do if "%%B"=="" set "kt_file=docker\profiles\%STACK_PROFILE%.env"
if defined kt_file if not exist "%kt_file%" set "kt_file="
if defined kt_file goto settle_profile
set "kt_known="
for %%F in (docker\profiles\*.env) do call :add_known "%%~nF"
>&2 echo kafka-test.bat: no profile "%STACK_PROFILE%"; there are:%kt_known%
exit /b 2
:settle_profile
call :load_settings "%kt_file%"
if not defined STACK_REST_PORT set "STACK_REST_PORT=8082"
if not defined STACK_BROKER_PORT set "STACK_BROKER_PORT=9092"
if not defined STACK_REGISTRY_PORT set "STACK_REGISTRY_PORT=8081"
if not defined STACK_UI_PORT set "STACK_UI_PORT=8080"
if not defined STACK_CLUSTER_REST_PORT set "STACK_CLUSTER_REST_PORT=8092"
if not defined STACK_CLUSTER_STATS_PORT set "STACK_CLUSTER_STATS_PORT=8093"
if not defined STACK_START_TIMEOUT set "STACK_START_TIMEOUT=180"
if not defined KRUSH_IMAGE set "KRUSH_IMAGE=krush:local"
call :check_number STACK_REST_PORT "%STACK_REST_PORT%"
call :check_number STACK_BROKER_PORT "%STACK_BROKER_PORT%"
call :check_number STACK_REGISTRY_PORT "%STACK_REGISTRY_PORT%"
call :check_number STACK_UI_PORT "%STACK_UI_PORT%"
call :check_number STACK_CLUSTER_REST_PORT "%STACK_CLUSTER_REST_PORT%"
call :check_number STACK_CLUSTER_STATS_PORT "%STACK_CLUSTER_STATS_PORT%"
call :check_number STACK_START_TIMEOUT "%STACK_START_TIMEOUT%"
if defined kt_bad exit /b 2
rem A start says anew whether it is a cluster; the other commands take what was started.
if /i "%kt_command%"=="start" goto settle_stack
if /i "%kt_command%"=="quick-start" goto settle_stack
if not defined kt_cluster set "kt_cluster=%kt_stored_cluster%"
:settle_stack
if defined kt_cluster goto settle_cluster
rem What each stage needs is in the stages before it; docker-compose.yml says so with depends_on.
set "kt_stage_1=broker"
set "kt_stage_2=init schema-registry kafka-ui"
set "kt_stage_3=rest-proxy"
set "kt_server_name=REST Proxy in Docker"
set "kt_stack_url=http://127.0.0.1:%STACK_REST_PORT%"
goto settle_services
:settle_cluster
set "kt_stage_1=broker-1 broker-2 broker-3"
set "kt_stage_2=init-cluster rest-1 rest-2"
set "kt_stage_3=haproxy"
set "kt_server_name=two REST Proxies behind HAProxy, three brokers"
set "kt_stack_url=http://127.0.0.1:%STACK_CLUSTER_REST_PORT%"
:settle_services
set "kt_services=%kt_stage_1% %kt_stage_2% %kt_stage_3%"
exit /b 0

rem NAME=VALUE lines into the environment of this script. What is there already stays.
:load_settings
for /f "usebackq eol=# tokens=1* delims== " %%A in ("%~1") do (
    if "%%A"=="export" set "kt_bad=1"
    if not "%%~A"=="" if not defined %%A set "%%A=%%~B"
)
exit /b 0

:add_known
set "kt_known=%kt_known% %~1"
exit /b 0

:check_number
call :is_number "%~2"
if "%errorlevel%"=="0" exit /b 0
>&2 echo kafka-test.bat: %~1="%~2": a number from 1 to 99999 was expected
set "kt_bad=1"
exit /b 2

rem Exit code 0 for 1 to 99999.
:is_number
set "kt_digits=%~1"
if not defined kt_digits exit /b 1
if "%kt_digits:~0,1%"=="0" exit /b 1
if not "%kt_digits%"=="%kt_digits:~0,5%" exit /b 1
for /f "delims=0123456789" %%X in ("%kt_digits%") do exit /b 1
exit /b 0

:not_started
>&2 echo kafka-test.bat: no stack was started here: kafka-test.bat start, or quick-start
exit /b 0

rem ==== Docker.

rem Sets kt_docker and kt_compose; exit code 2 and one line if there is no engine or no Compose.
:need_docker
call :find_program docker
set "kt_docker=%kt_program%"
if not defined kt_docker (
    >&2 echo kafka-test.bat: docker is missing: install Docker Desktop, or use ./kafka-test.sh start --local in WSL
    exit /b 2
)
%kt_docker% info >nul 2>&1
if not "%errorlevel%"=="0" (
    >&2 echo kafka-test.bat: no Docker engine answers: start Docker Desktop
    exit /b 2
)
set "kt_compose=%kt_docker% compose"
set "kt_no_terminal="
%kt_compose% version >nul 2>&1
if "%errorlevel%"=="0" goto have_compose
call :find_program docker-compose
set "kt_compose=%kt_program%"
set "kt_no_terminal=-T"
if not defined kt_compose (
    >&2 echo kafka-test.bat: no Docker Compose: install the plugin of docker ^(docker compose^) or docker-compose 1.29
    exit /b 2
)
:have_compose
set "kt_all=%kt_compose% --profile testing --profile cluster"
exit /b 0

rem Sets kt_program to NAME.exe if that is on PATH, or to a call of NAME.cmd or NAME.bat: run without CALL, a batch
rem file would not come back.
:find_program
set "kt_program="
for %%I in (%~1.bat) do if not "%%~$PATH:I"=="" set "kt_program=call %~1.bat"
for %%I in (%~1.cmd) do if not "%%~$PATH:I"=="" set "kt_program=call %~1.cmd"
for %%I in (%~1.exe) do if not "%%~$PATH:I"=="" set "kt_program=%~1.exe"
exit /b 0

rem Starts a stage of services when those that they need are healthy, so that nothing waits out of sight, and shows
rem each change of state.
:start
call :need_docker
if not "%errorlevel%"=="0" exit /b 2
if not exist ".stack" mkdir ".stack"
call :check_ports
if defined kt_bad exit /b 2
rem Before it starts: what is half up can be stopped and cleaned.
set "kt_cluster_digit=0"
if defined kt_cluster set "kt_cluster_digit=1"
>".stack\state" echo mode=docker
>>".stack\state" echo profile=%STACK_PROFILE%
>>".stack\state" echo cluster=%kt_cluster_digit%
set "kt_mode=docker"
>&2 echo starting %kt_server_name%, profile %STACK_PROFILE% (%kt_compose%)
rem Pulls what is missing, so that the time-out is the servers' alone.
%kt_all% up --no-start %kt_services% 1>&2
if not "%errorlevel%"=="0" (
    >&2 echo kafka-test.bat: the stack could not be created: see above
    exit /b 15
)
set "kt_now=0"
set "kt_waited=0"
set "kt_over=0"
set "kt_told=0"
call :clock
for %%S in (%kt_services%) do set "kt_shown_%%S="
set "kt_stage="
call :start_stage %kt_stage_1%
if not "%errorlevel%"=="0" exit /b 15
call :start_stage %kt_stage_2%
if not "%errorlevel%"=="0" exit /b 15
call :start_stage %kt_stage_3%
if not "%errorlevel%"=="0" exit /b 15
>&2 echo ready: %kt_server_name%, at %kt_stack_url%
if defined kt_cluster goto start_cluster_ports
>&2 echo   Kafka at localhost:%STACK_BROKER_PORT%, Schema Registry http://localhost:%STACK_REGISTRY_PORT%, Kafka UI http://localhost:%STACK_UI_PORT%
exit /b 0
:start_cluster_ports
>&2 echo   HAProxy's statistics at http://localhost:%STACK_CLUSTER_STATS_PORT%
exit /b 0

rem SERVICE ..; kt_stage becomes the services of this stage and of those before it, of which all must stay healthy.
:start_stage
set "kt_stage=%kt_stage% %*"
%kt_all% up -d --no-deps %* 1>&2
if not "%errorlevel%"=="0" (
    call :poll
    set "kt_failed="
    set "kt_waiting="
    for %%S in (%kt_stage%) do call :judge %%S
    goto stage_not_started
)
:await
call :poll
set "kt_failed="
set "kt_waiting="
for %%S in (%kt_stage%) do call :judge %%S
if defined kt_failed goto stage_not_started
if not defined kt_waiting exit /b 0
if %kt_waited% geq %STACK_START_TIMEOUT% goto stage_too_late
set /a "kt_since=kt_waited-kt_told"
if %kt_since% geq 15 (
    >&2 echo   waiting for:%kt_waiting% ^(%kt_waited% s^)
    set "kt_told=%kt_waited%"
)
call :sleep
set "kt_before=%kt_now%"
call :clock
call :elapsed %kt_before%
rem kt_over: hundredths that are no whole second yet.
set /a "kt_hundredths=kt_elapsed+kt_over, kt_waited+=kt_hundredths/100, kt_over=kt_hundredths-kt_hundredths/100*100"
goto await
:stage_not_started
call :last_lines %kt_failed% %kt_waiting%
>&2 echo kafka-test.bat: %kt_first% could not be started
exit /b 15
:stage_too_late
call :last_lines %kt_waiting%
>&2 echo kafka-test.bat: %kt_first% was not healthy within %STACK_START_TIMEOUT% s
exit /b 15

rem The log of the first of these services that has a container says why.
:last_lines
set "kt_first=the stack"
set "kt_first_id="
for %%S in (%*) do call :has_container %%S
if not defined kt_first_id exit /b 0
>&2 echo the last lines of %kt_first%:
%kt_docker% logs --tail 30 %kt_first_id% 1>&2
exit /b 0

:has_container
if defined kt_first_id exit /b 0
if not defined kt_id_%~1 exit /b 0
set "kt_first=%~1"
call set "kt_first_id=%%kt_id_%~1%%"
exit /b 0

rem Asks Docker for all containers of this project: kt_state_SERVICE, kt_id_SERVICE, kt_image_SERVICE. All names in the
rem template must be fields of Docker's own types (.ID, not .Id): else it falls back to the JSON, where a container without
rem a health check has no Health, and that is an error.
:poll
for %%S in (%kt_services%) do (
    set "kt_state_%%S=absent"
    set "kt_id_%%S="
    set "kt_image_%%S="
)
set "kt_ids="
for /f %%I in ('%kt_all% ps -a -q 2^>nul') do call :add_id %%I
if not defined kt_ids exit /b 0
for /f "tokens=1-6" %%A in ('%kt_docker% inspect --format "{{index .Config.Labels `com.docker.compose.service`}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.ID}} {{.Config.Image}}" %kt_ids% 2^>nul') do call :note_state %%A %%B %%C %%D %%E %%F
exit /b 0

:add_id
set "kt_ids=%kt_ids% %~1"
exit /b 0

rem SERVICE STATUS HEALTH EXIT-CODE ID IMAGE: one word for the state.
:note_state
set "kt_state=%~2"
if "%~2"=="created" set "kt_state=waiting"
if "%~2"=="running" if not "%~3"=="-" set "kt_state=%~3"
if "%~2"=="dead" set "kt_state=failed"
if not "%~2"=="exited" goto state_noted
set "kt_state=failed"
rem 143: ended by SIGTERM, as `stop` does.
if "%~4"=="143" set "kt_state=stopped"
if not "%~4"=="0" goto state_noted
set "kt_state=stopped"
if "%~1"=="init" set "kt_state=done"
if "%~1"=="init-cluster" set "kt_state=done"
:state_noted
set "kt_state_%~1=%kt_state%"
set "kt_id_%~1=%~5"
set "kt_image_%~1=%~6"
exit /b 0

rem Adds the service to kt_failed or kt_waiting unless it is ready, and shows its state if that is a new one.
:judge
call set "kt_state=%%kt_state_%~1%%"
set "kt_pad=%~1                "
set "kt_old="
if defined kt_shown_%~1 call set "kt_old=%%kt_shown_%~1%%"
if "%kt_state%"=="%kt_old%" goto state_shown
>&2 echo   %kt_pad:~0,16% %kt_state% (%kt_waited% s)
set "kt_shown_%~1=%kt_state%"
:state_shown
if "%kt_state%"=="healthy" exit /b 0
if "%kt_state%"=="done" exit /b 0
for %%W in (unhealthy failed stopped absent) do if "%kt_state%"=="%%W" set "kt_failed=%kt_failed% %~1"
for %%W in (unhealthy failed stopped absent) do if "%kt_state%"=="%%W" exit /b 0
set "kt_waiting=%kt_waiting% %~1"
exit /b 0

rem A row of `status`; kt_code becomes 15 if the service is not ready.
:show_service
call set "kt_state=%%kt_state_%~1%%"
set "kt_image="
if defined kt_image_%~1 call set "kt_image=%%kt_image_%~1%%"
set "kt_pad=%~1                "
set "kt_pad_2=%kt_state%          "
echo %kt_pad:~0,16% %kt_pad_2:~0,10% %kt_image%
if "%kt_state%"=="healthy" exit /b 0
if "%kt_state%"=="done" exit /b 0
set "kt_code=15"
exit /b 0

rem Ports are refused before anything is started, unless a container of ours has them.
:check_ports
call :poll
if defined kt_cluster goto check_cluster_ports
call :check_port broker %STACK_BROKER_PORT% STACK_BROKER_PORT
call :check_port schema-registry %STACK_REGISTRY_PORT% STACK_REGISTRY_PORT
call :check_port rest-proxy %STACK_REST_PORT% STACK_REST_PORT
call :check_port kafka-ui %STACK_UI_PORT% STACK_UI_PORT
exit /b 0
:check_cluster_ports
call :check_port haproxy %STACK_CLUSTER_REST_PORT% STACK_CLUSTER_REST_PORT
call :check_port haproxy %STACK_CLUSTER_STATS_PORT% STACK_CLUSTER_STATS_PORT
exit /b 0

rem SERVICE PORT SETTING
:check_port
if defined kt_bad exit /b 2
call set "kt_state=%%kt_state_%~1%%"
for %%W in (running starting healthy unhealthy) do if "%kt_state%"=="%%W" exit /b 0
rem A listener has no port at its other end; the word for its state is translated, so it is not read.
for /f "tokens=2,3" %%A in ('netstat -an -p TCP 2^>nul') do (
    if "%%A %%B"=="127.0.0.1:%~2 0.0.0.0:0" set "kt_bad=1"
    if "%%A %%B"=="0.0.0.0:%~2 0.0.0.0:0" set "kt_bad=1"
)
if not defined kt_bad exit /b 0
>&2 echo kafka-test.bat: port %~2 is taken, and %~1 needs it: stop what listens there, or set %~3 in .env (see .env.example)
exit /b 2

rem ==== Topics, over HTTP.

:need_curl
call :find_program curl
set "kt_curl=%kt_program%"
if defined kt_curl exit /b 0
>&2 echo kafka-test.bat: curl is missing: topics are read over HTTP (it is part of Windows 10 from 1803 on)
exit /b 2

rem Sets kt_names to the topics of the REST API; to nothing if it does not answer.
:topic_names
set "kt_names="
for /f "delims=[]" %%L in ('%kt_curl% -sf -m 10 --noproxy 127.0.0.1 %kt_stack_url%/topics') do set kt_names=%%L
if defined kt_names set "kt_names=%kt_names:"=%"
if defined kt_names set "kt_names=%kt_names:,= %"
exit /b 0

rem TOPIC: sets kt_partitions, and the sums of all offsets as millions and the rest, since cmd counts to 2 billion:
rem kt_begin_high, kt_begin_low, kt_end_high, kt_end_low. Exit code 15 if not all partitions answered.
:topic_offsets
set /a "kt_partitions=0, kt_begin_high=0, kt_begin_low=0, kt_end_high=0, kt_end_low=0"
set "kt_last="
if not exist ".stack" mkdir ".stack"
rem Asks partition after partition over one connection until there is none: that one is a 404.
%kt_curl% -sf --fail-early -m 30 --noproxy 127.0.0.1 -w " %%{http_code}\n" "%kt_stack_url%/topics/%~1/partitions/[0-99999]/offsets" >".stack\offsets.txt"
for /f "usebackq tokens=1-5 delims={}:, " %%A in (".stack\offsets.txt") do (
    if "%%~A"=="beginning_offset" call :add_offsets %%B %%D
    if "%%~A"=="end_offset" call :add_offsets %%D %%B
    set "kt_last=%%~A"
)
if "%kt_last%"=="404" if not "%kt_partitions%"=="0" exit /b 0
>&2 echo kafka-test.bat: %kt_stack_url% does not tell the offsets of %~1
exit /b 15

rem BEGIN END of one partition
:add_offsets
set "kt_digits=000000000000000%~1"
set "kt_digits=%kt_digits:~-15%"
set /a "kt_begin_high+=1%kt_digits:~0,9%-1000000000, kt_begin_low+=1%kt_digits:~9%-1000000"
set /a "kt_begin_high+=kt_begin_low/1000000, kt_begin_low-=kt_begin_low/1000000*1000000"
set "kt_digits=000000000000000%~2"
set "kt_digits=%kt_digits:~-15%"
set /a "kt_end_high+=1%kt_digits:~0,9%-1000000000, kt_end_low+=1%kt_digits:~9%-1000000"
set /a "kt_end_high+=kt_end_low/1000000, kt_end_low-=kt_end_low/1000000*1000000, kt_partitions+=1"
exit /b 0

:topics
call :need_curl
if not "%errorlevel%"=="0" exit /b 2
call :topic_names
if not defined kt_names (
    >&2 echo kafka-test.bat: %kt_stack_url% does not answer: kafka-test.bat status
    exit /b 15
)
echo TOPIC                            PARTITIONS         RECORDS
set "kt_topics_code=0"
for %%T in (%kt_names%) do call :topic_row %%T
exit /b %kt_topics_code%

:topic_row
if not "%kt_topics_code%"=="0" exit /b 0
call :topic_offsets %1
if not "%errorlevel%"=="0" set "kt_topics_code=15"
if not "%kt_topics_code%"=="0" exit /b 0
set /a "kt_high=kt_end_high-kt_begin_high, kt_low=kt_end_low-kt_begin_low"
if %kt_low% lss 0 set /a "kt_high-=1, kt_low+=1000000"
call :grouped %kt_high% %kt_low%
set "kt_pad=%~1                                "
set "kt_pad_2=          %kt_partitions%"
set "kt_pad_3=               %kt_text%"
echo %kt_pad:~0,32% %kt_pad_2:~-10% %kt_pad_3:~-15%
exit /b 0

rem TOPIC: its records a second since the sample before.
:monitor_line
if not "%kt_code%"=="0" exit /b 0
set /a "kt_index+=1"
call :topic_offsets %1
if not "%errorlevel%"=="0" set "kt_code=15"
if not "%kt_code%"=="0" exit /b 0
if not defined kt_seen goto monitor_keep
set /a "kt_rate=((kt_end_high-kt_high_%kt_index%)*1000000+kt_end_low-kt_low_%kt_index%)*10/kt_tenths"
if %kt_rate% lss 0 set "kt_rate=0"
call :grouped 0 %kt_rate%
set "kt_pad_2=            %kt_text%"
call :grouped %kt_end_high% %kt_end_low%
set "kt_pad_3=                %kt_text%"
set "kt_pad=%~1                                "
set "kt_pad_1=%TIME:~0,8%         "
echo %kt_pad_1:~0,9% %kt_pad:~0,32% %kt_pad_2:~-12% %kt_pad_3:~-16%
:monitor_keep
set /a "kt_high_%kt_index%=kt_end_high, kt_low_%kt_index%=kt_end_low"
exit /b 0

rem MILLIONS REST: sets kt_text to the number with commas, such as 1,234,567.
:grouped
set "kt_digits=%~2"
if "%~1"=="0" goto group_digits
set "kt_digits=000000%~2"
set "kt_digits=%~1%kt_digits:~-6%"
:group_digits
set "kt_digits=000000000000000%kt_digits%"
set "kt_digits=%kt_digits:~-15%"
set "kt_text=%kt_digits:~0,3%,%kt_digits:~3,3%,%kt_digits:~6,3%,%kt_digits:~9,3%,%kt_digits:~12,3%"
:group_strip
if "%kt_text:~1%"=="" exit /b 0
if "%kt_text:~0,1%"=="0" goto group_strip_one
if not "%kt_text:~0,1%"=="," exit /b 0
:group_strip_one
set "kt_text=%kt_text:~1%"
goto group_strip

rem ==== Time.

rem Sets kt_now to hundredths of a second since midnight. Where TIME has no seconds (Wine), a call counts as a second.
:clock
set "kt_seconds="
for /f "tokens=1-4 delims=:., " %%A in ("%TIME%") do (
    set "kt_hours=0%%A"
    set "kt_minutes=0%%B"
    set "kt_seconds=0%%C"
    set "kt_fraction=00%%D"
)
set "kt_not_digits="
for /f "delims=0123456789" %%X in ("%kt_hours%%kt_minutes%%kt_seconds%%kt_fraction%") do set "kt_not_digits=%%X"
if defined kt_not_digits goto clock_counts
set /a "kt_now=(1%kt_hours:~-2%-100)*360000+(1%kt_minutes:~-2%-100)*6000+(1%kt_seconds:~-2%-100)*100+1%kt_fraction:~-2%-100"
exit /b 0
:clock_counts
set /a "kt_now+=100"
exit /b 0

rem Hundredths from BEFORE to kt_now, over midnight too.
:elapsed
set /a "kt_elapsed=kt_now-%~1"
if %kt_elapsed% lss 0 set /a "kt_elapsed+=8640000"
exit /b 0

rem A second. Not `timeout`, which ends at once where the input is no keyboard.
:sleep
ping -n 2 127.0.0.1 >nul 2>&1
exit /b 0

rem ==== krush.

rem Tests go to the stack that was started; without one, to where a REST Proxy would be, as an address that was named: a
rem test of this script is never answered by krush's stand-in behind the user's back.
:aim
if defined KRUSH_URL exit /b 0
set "KRUSH_URL=%kt_stack_url%"
if defined kt_mode exit /b 0
>&2 echo no stack was started here (kafka-test.bat start): trying %kt_stack_url%
exit /b 0

rem Sets kt_run to krush as a command, or to nothing for the image.
:find_runner
set "kt_run="
set "kt_runner_words="
if not defined KRUSH goto runner_built
if not exist "%KRUSH%" (
    >&2 echo kafka-test.bat: KRUSH="%KRUSH%" is no program
    exit /b 2
)
set kt_run="%KRUSH%"
if /i "%KRUSH:~-4%"==".bat" set kt_run=call "%KRUSH%"
if /i "%KRUSH:~-4%"==".cmd" set kt_run=call "%KRUSH%"
set kt_runner_words="%KRUSH%"
exit /b 0
:runner_built
if not exist "target\release\krush.exe" goto runner_on_path
set "kt_run=target\release\krush.exe"
set "kt_runner_words=%kt_run%"
exit /b 0
:runner_on_path
call :find_program krush
set "kt_run=%kt_program%"
set "kt_runner_words=%kt_program%"
if defined kt_run exit /b 0
call :find_program cargo
if not defined kt_program goto runner_image
set "kt_run=%kt_program% run --quiet --release --locked --"
set "kt_runner_words=cargo run --release"
exit /b 0
:runner_image
set "kt_runner_words=image %KRUSH_IMAGE%"
call :need_docker 2>nul
if "%errorlevel%"=="0" exit /b 0
>&2 echo kafka-test.bat: no krush: build it (cargo build --release), install it, set KRUSH to it, or start Docker to use its image
exit /b 2

rem krush with kt_preset and kt_flags; its exit code.
:run_preset
call :find_runner
if not "%errorlevel%"=="0" exit /b 2
>&2 echo krush: %kt_runner_words%
if not defined kt_run goto run_image
%kt_run% %kt_preset% %kt_flags%
exit /b %errorlevel%

rem From its image. What the user set for krush goes with it, but for the address, which is another one inside.
:run_image
set "kt_options=--rm %kt_no_terminal%"
for /f "tokens=1 delims==" %%V in ('set KRUSH_') do call :pass_variable %%V
if not "%KRUSH_URL%"=="%kt_stack_url%" (
    set kt_options=%kt_options% -e "KRUSH_URL=%KRUSH_URL%"
) else if defined kt_cluster (
    set "kt_options=%kt_options% -e KRUSH_URL=http://haproxy:8082"
)
rem What runs is what was started, with the settings of that time: it is not to be started again for a test.
call :poll
set "kt_ours="
for %%S in (%kt_services%) do call :note_running %%S
if defined kt_ours set kt_options=%kt_options% --no-deps
%kt_all% run %kt_options% test-%kt_preset% %kt_flags%
exit /b %errorlevel%

:note_running
call set "kt_state=%%kt_state_%~1%%"
for %%W in (running starting healthy unhealthy) do if "%kt_state%"=="%%W" set "kt_ours=1"
exit /b 0

:pass_variable
if /i "%~1"=="KRUSH_URL" exit /b 0
if /i "%~1"=="KRUSH_IMAGE" exit /b 0
set kt_options=%kt_options% -e %~1
exit /b 0

rem A test of test-all, with a row for its table.
:run_one
if defined kt_stop exit /b 0
set "kt_preset=%~1"
set "kt_report=results/%kt_stamp%-%~1.json"
set kt_flags=%kt_gate%%kt_rest% --output %kt_report%
>&2 echo.
>&2 echo == %~1
call :run_preset
set "kt_code=%errorlevel%"
rem Ctrl-C is for all of them: krush ended by itself, or by Windows (0xC000013A).
if "%kt_code%"=="-1073741510" set "kt_code=130"
if "%kt_code%"=="130" set "kt_stop=1"
rem A crash has a negative exit code on Windows, and would be less than 0.
if %kt_code% lss 0 set "kt_code=1"
if %kt_code% gtr %kt_worst% set "kt_worst=%kt_code%"
call :read_report
set /a "kt_row+=1"
set "kt_pad=%~1          "
set "kt_pad_1=    %kt_code%"
set "kt_pad_2=              %kt_records%"
set "kt_pad_3=           %kt_p95%"
set "kt_pad_4=         %kt_success%"
set "kt_pad_5=%kt_verdict%                                  "
set "kt_line_%kt_row%=%kt_pad:~0,10% %kt_pad_1:~-4%  %kt_pad_2:~-14%  %kt_pad_3:~-11%  %kt_pad_4:~-9%  %kt_pad_5:~0,34% %kt_report%"
exit /b 0

rem The figures of kt_report: kt_records, kt_p95, kt_success, kt_verdict, kt_server. JSON as krush writes it, a key a line; of
rem several summaries (the stand-in's own is part of its target) the last one counts.
:read_report
set "kt_records="
set "kt_p95="
set "kt_success="
set "kt_verdict="
if not exist "%kt_report%" set "kt_report=-"
if "%kt_report%"=="-" goto no_report
set "kt_bound="
set "kt_in_summary="
set "kt_in_target="
set "kt_in_bounds="
set "kt_in_verdict="
for /f "usebackq tokens=1* delims=:, " %%A in ("%kt_report%") do (
    if "%%~A"=="target" set "kt_in_target=1"
    if "%%~A"=="ledger" set "kt_in_target="
    if "%%~A"=="summary" set "kt_in_summary=1"
    if "%%~A"=="summary" set "kt_records="
    if "%%~A"=="summary" set "kt_success="
    if "%%~A"=="summary" set "kt_p95="
    if "%%~A"=="summary" set "kt_bound="
    if "%%~A"=="summary" set "kt_in_bounds="
    if "%%~A"=="timeline" set "kt_in_summary="
    if "%%~A"=="timeline" set "kt_in_bounds="
    if "%%~A"=="verdict" set "kt_in_verdict=1"
    if defined kt_in_summary if "%%~A"=="records_per_sec" if not defined kt_records set kt_records=%%B
    if defined kt_in_summary if "%%~A"=="success_ratio" if not defined kt_success set kt_success=%%B
    if defined kt_in_summary if "%%~A"=="p95" if not defined kt_p95 set kt_p95=%%B
    if defined kt_in_summary if "%%~A"=="lower_bounds" set "kt_in_bounds=1"
    if defined kt_in_bounds if "%%~A"=="p95" set "kt_bound=+"
    if defined kt_in_target if "%%~A"=="server" set kt_server=%%B
    if defined kt_in_verdict if "%%~A"=="headline" set kt_verdict=%%B
)
if defined kt_server set "kt_server=%kt_server:"=%"
if defined kt_server if "%kt_server:~-1%"=="," set "kt_server=%kt_server:~0,-1%"
if defined kt_verdict set "kt_verdict=%kt_verdict:"=%"
if defined kt_verdict if "%kt_verdict:~-1%"=="," set "kt_verdict=%kt_verdict:~0,-1%"
if not defined kt_verdict goto no_report
rem Figures with a fraction are cut, so that 99.9998 % is never printed as 100 %.
set "kt_text=-"
set "kt_digits="
for /f "delims=.," %%N in ("%kt_records%") do set "kt_digits=%%N"
call :is_count "%kt_digits%"
if "%errorlevel%"=="0" call :grouped 0 %kt_digits%
set "kt_records=%kt_text%"
set "kt_digits="
for /f "delims=.," %%N in ("%kt_p95%") do set "kt_digits=%%N"
set "kt_p95=-"
call :is_count "%kt_digits%"
if not "%errorlevel%"=="0" goto report_success
set /a "kt_tenths=(kt_digits+50)/100, kt_whole=kt_tenths/10, kt_tenths-=kt_whole*10"
set "kt_p95=%kt_whole%.%kt_tenths% ms%kt_bound%"
if defined kt_bound set "kt_bounded=1"
:report_success
set "kt_whole="
set "kt_digits="
for /f "tokens=1,2 delims=.," %%M in ("%kt_success%") do (
    set "kt_whole=%%M"
    set "kt_digits=%%N0000"
)
set "kt_success=-"
if not defined kt_digits exit /b 0
set "kt_digits=%kt_digits:~0,4%"
call :is_count "%kt_whole%%kt_digits%"
if not "%errorlevel%"=="0" exit /b 0
set /a "kt_part=1%kt_whole%%kt_digits%-100000, kt_whole=kt_part/100, kt_part-=kt_whole*100"
set "kt_part=0%kt_part%"
set "kt_part=.%kt_part:~-2%"
if "%kt_part:~-1%"=="0" set "kt_part=%kt_part:~0,-1%"
if "%kt_part:~-1%"=="0" set "kt_part="
set "kt_success=%kt_whole%%kt_part% %%"
exit /b 0
:no_report
set "kt_verdict=no report"
set "kt_records=-"
set "kt_p95=-"
set "kt_success=-"
exit /b 0

rem Exit code 0 for digits alone, up to 9 of them.
:is_count
if "%~1"=="" exit /b 1
set "kt_count=%~1"
if not "%kt_count%"=="%kt_count:~0,9%" exit /b 1
for /f "delims=0123456789" %%X in ("%kt_count%") do exit /b 1
exit /b 0
