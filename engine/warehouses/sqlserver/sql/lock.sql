DECLARE @lock int;
EXEC @lock = sys.sp_getapplock @Resource = {{ resource | literal }}, @LockMode = N'{{ mode }}',
    @LockOwner = N'Session', @LockTimeout = {{ timeout_ms }};
SELECT @lock AS [granted];
