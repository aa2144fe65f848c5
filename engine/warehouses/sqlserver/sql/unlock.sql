EXEC sys.sp_releaseapplock @Resource = {{ resource | literal }}, @LockOwner = N'Session';
